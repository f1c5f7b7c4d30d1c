"""Exact re-runs: what differs from then, and whether the same comes out."""
