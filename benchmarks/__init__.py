"""Measurements. ``python -m benchmarks`` runs all of them; each module runs alone too (``python -m benchmarks.hop``)."""
