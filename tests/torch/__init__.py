"""Tests of nodes that need torch. They run in the environment of the engine torch (see conftest.py)."""
