"""Digests in log files are blotted out: a log may say that something was deleted, not what for ever.

SeaweedFS names every object it deletes, and a web server's log every file it served. Letters are overwritten where they
stand, so that a process that goes on appending notices nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

_DIGEST = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_KEPT = 8  # hex digits: enough to follow one file through a log
_CHUNK = 1024 * 1024


def mask_digests(home: Path) -> str:
    """Blot out the digests in every log of the home. Returns what could not be done."""
    failed = [f"{path}: {error.strerror}" for path in logs_of(home) if (error := _mask(path))]
    return f"digests stay in {'; '.join(failed)}." if failed else ""


def logs_of(home: Path) -> Iterator[Path]:
    yield from (path for path in sorted((home / "logs").glob("*")) if path.is_file() and not path.is_symlink())


def _mask(path: Path) -> OSError | None:
    try:
        with path.open("r+b", buffering=0) as file:
            end, position, carried = os.fstat(file.fileno()).st_size, 0, b""
            while position < end:
                block = carried + file.read(_CHUNK)
                if len(block) == len(carried):
                    break
                start = position - len(carried)
                for found in _DIGEST.finditer(block):
                    os.pwrite(file.fileno(), b"x" * (64 - _KEPT), start + found.start() + _KEPT)
                position = start + len(block)
                carried = block[-64:]  # a digest may lie across two blocks
    except OSError as error:
        return error
    return None
