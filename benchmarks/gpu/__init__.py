"""Measurements of nodes on torch, at full size with random weights, against plain scripts of the same libraries."""
