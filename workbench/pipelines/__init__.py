"""Pipelines: named, typed ways to build a graph. One file each, found by ``registry``, made with ``sdk``."""
