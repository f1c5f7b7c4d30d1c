"""Sweeps: from a spec to cells, from cells to a plan, and from a plan to jobs."""
