"""Inspects untrusted files in a small process with limits of memory, time and size, never in the caller's process.

``inspector.Inspector`` is the caller's side and ``child`` is the process. ``file_formats`` detects the format from the
first bytes; ``image``, ``audio`` and ``video`` decode the file and write the content to store. Only ``child`` may
import these three.
"""
