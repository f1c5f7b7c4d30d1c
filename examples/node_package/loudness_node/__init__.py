"""A node and a pipeline for the talking-head workbench, registered through the entry points in pyproject.toml."""
