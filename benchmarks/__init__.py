"""Measurements. ``python -m benchmarks`` runs all; each module runs alone too (``python -m benchmarks.hop``)."""
