"""Parameterised notebooks: each execution is checked before it starts, and is a recorded run."""
