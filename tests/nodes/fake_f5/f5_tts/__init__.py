"""Stands in for F5-TTS: the calls of its Python API 1.1.22 that the node makes; it hums instead of speaking."""
