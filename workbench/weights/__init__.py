"""Fills the folder of models: downloads, checks, imports and removes what nodes read through `nodes/weights.py`."""
