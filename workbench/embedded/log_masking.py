"""Digests in log files are blotted out: a log may say that something was deleted, not for ever what.

SeaweedFS names every object it deletes, and a web server every file it serves. Letters are overwritten where they
stand, so that a process that goes on appending notices nothing, and a kill in the middle does no harm.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

_DIGEST = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_OF_AN_OBJECT = re.compile(rb"(?<=sha256/[0-9a-f]{2}/)[0-9a-f]{64}(?![0-9a-f])")
_KEPT = 8  # hex digits: enough to follow one file through a log
_BLOCK = 1024 * 1024


def mask_logs(home: Path, texts: Collection[bytes] = ()) -> str:
    """Blot out the digests in every log of the home, and ``texts``. Returns what could not be done."""
    sought = [(_DIGEST, _KEPT), *((re.compile(re.escape(text)), 0) for text in texts if text)]
    longest = max(64, *map(len, texts), 0) + 2
    logs = (path for path in sorted((home / "logs").rglob("*")) if path.is_file() and not path.is_symlink())
    failed = [said for path in logs if (said := _mask(path, sought, longest))]
    failed += [said for path in _logs_of_before() if (said := _mask(path, [(_OF_AN_OBJECT, _KEPT)], 128))]
    return f"logs could not be cleaned: {'; '.join(failed)}." if failed else ""


def _logs_of_before() -> Iterator[Path]:
    """Until SeaweedFS was told not to, it logged the names of deleted objects into the temporary folder."""
    for path in Path(tempfile.gettempdir()).glob("weed.*.log.*"):
        try:
            if path.is_file() and not path.is_symlink() and path.stat().st_uid == os.getuid():
                yield path
        except FileNotFoundError:
            continue


def _mask(path: Path, sought: list[tuple[re.Pattern[bytes], int]], longest: int) -> str:
    try:
        with path.open("r+b", buffering=0) as file:
            end, position, carried = os.fstat(file.fileno()).st_size, 0, b""
            while position < end and (read := file.read(_BLOCK)):
                block, start = carried + read, position - len(carried)
                for pattern, kept in sought:
                    for found in pattern.finditer(block):
                        blot = b"x" * (len(found.group()) - kept)
                        os.pwrite(file.fileno(), blot, start + found.start() + kept)
                position += len(read)
                carried = block[-longest:]  # what is sought may lie across two blocks
    except FileNotFoundError:
        return ""  # rotated away
    except OSError as error:
        return f"{path} ({error.strerror})"
    return ""
