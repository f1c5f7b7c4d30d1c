"""Looking at files of strangers: in a small process under limits of memory, time and size, never in the caller's.

``inspector.Inspector`` is the caller's side. ``child`` is the process; ``bytes_seen`` says what a file is by its first
bytes, ``picture``, ``sound`` and ``film`` decode it and write what is kept: these three are not imported elsewhere.
"""
