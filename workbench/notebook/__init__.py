"""The workbench as small Python, for notebooks and scripts: ``from workbench import connect``."""
