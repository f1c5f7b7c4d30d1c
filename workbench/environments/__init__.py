"""Environments of their own for engines whose packages do not fit beside those of the workbench: torch, F5-TTS.

An engine's worker pool has its name. The worker itself runs in the workbench's environment; its executors, which run
the nodes, use the interpreter of the engine.
"""
