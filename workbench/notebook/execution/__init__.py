"""Parameterised notebooks: each execution is validated before it starts, and recorded as a run."""
