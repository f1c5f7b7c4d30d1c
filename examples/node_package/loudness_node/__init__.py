"""Nodes for the talking-head workbench, registered through the entry point in pyproject.toml."""
