"""Masks digests in log files, so that logs do not show permanently which files were deleted.

SeaweedFS logs the name of every deleted object, and a web server every file that it serves. Characters are overwritten
in place, so that a process that appends to the log is not disturbed and a kill does no harm.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

_DIGEST = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_OF_AN_OBJECT = re.compile(rb"(?<=sha256/[0-9a-f]{2}/)[0-9a-f]{64}(?![0-9a-f])")
_KEPT = 8  # hex digits that remain, enough to follow one file through a log
_BLOCK = 1024 * 1024


def mask_logs(home: Path, texts: Collection[bytes] = ()) -> str:
    """Mask digests and ``texts`` in all logs of the home. Returns what could not be done."""
    sought = [(_DIGEST, _KEPT), *((re.compile(re.escape(text)), 0) for text in texts if text)]
    longest = max(64, *map(len, texts), 0) + 2
    logs = (path for path in sorted((home / "logs").rglob("*")) if path.is_file() and not path.is_symlink())
    failed = [problem for path in logs if (problem := _mask(path, sought, longest))]
    failed += [problem for path in _old_logs() if (problem := _mask(path, [(_OF_AN_OBJECT, _KEPT)], 128))]
    return f"logs could not be masked: {'; '.join(failed)}." if failed else ""


def _old_logs() -> Iterator[Path]:
    """Logs of earlier versions, in which SeaweedFS logged names of deleted objects into the temporary folder."""
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
                        mask = b"x" * (len(found.group()) - kept)
                        os.pwrite(file.fileno(), mask, start + found.start() + kept)
                position += len(read)
                carried = block[-longest:]  # a match may span two blocks
    except FileNotFoundError:
        return ""  # removed by log rotation
    except OSError as error:
        return f"{path} ({error.strerror})"
    return ""
