"""Limits the size of a folder of derived files: the least recently used files are removed first."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

LOOK_EVERY = 200  # new files between two checks of a folder's size
_made: dict[Path, int] = {}
_mutex = threading.Lock()


def keep_bounded(folder: Path, limit_bytes: int) -> None:
    """Call it for each new file. It removes the oldest files from time to time. Raises nothing."""
    with _mutex:
        _made[folder] = _made.get(folder, 0) + 1
        if _made[folder] % LOOK_EVERY != 1:
            return
    files = []
    for path in folder.glob("*"):
        with contextlib.suppress(FileNotFoundError):  # another thread was faster
            facts = path.stat()
            files.append((facts.st_mtime, facts.st_size, path))
    files.sort()
    total = sum(size for _, size, _ in files)
    for _, size, path in files:
        if total <= limit_bytes:
            return
        path.unlink(missing_ok=True)
        total -= size
