"""Bytes that come in, and artifacts that go out."""
