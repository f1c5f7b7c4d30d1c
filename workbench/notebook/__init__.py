"""The Python API for notebooks and scripts: ``from workbench import connect``."""
