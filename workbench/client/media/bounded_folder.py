"""Keeps a folder of what can be made again bounded: what was not asked for lately goes first."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

LOOK_EVERY = 200  # new files between two looks at the size of a folder
_made: dict[Path, int] = {}
_mutex = threading.Lock()


def keep_bounded(folder: Path, limit_bytes: int) -> None:
    """Call it for each new file; now and then the oldest are removed. Raises nothing."""
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
