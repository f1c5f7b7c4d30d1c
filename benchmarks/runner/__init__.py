"""What our own runner costs and keeps to, one measurement a module: ``python -m benchmarks.runner NAME…``."""
