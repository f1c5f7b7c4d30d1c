"""Pipelines: named, typed ways to build a graph. One file declares one pipeline; ``registry`` finds them."""
