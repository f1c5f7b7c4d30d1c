"""Digests and texts of erased jobs in the log files of the home: overwritten where they stand.

A log that a process is appending to keeps its place and its length.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from pathlib import Path

_DIGEST = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
LEAST_CHARACTERS = 12  # of a text: a shorter one stands in lines that have nothing to do with it


def mask(folder: Path, digests: Collection[str], texts: Collection[str]) -> tuple[int, int]:
    """Overwrite every occurrence in every file below the folder; returns how many, and how many bytes."""
    names = {digest.encode() for digest in digests}
    needles = {form for text in texts if len(text) >= LEAST_CHARACTERS for form in _forms(text)}
    count = size = 0
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        data = path.read_bytes()
        spans = [found.span() for found in _DIGEST.finditer(data) if found.group() in names]
        spans += [found.span() for needle in needles for found in re.finditer(re.escape(needle), data)]
        if spans:
            with path.open("r+b") as file:
                for start, end in spans:
                    file.seek(start)
                    file.write(b"x" * (end - start))
            count += len(spans)
            size += sum(end - start for start, end in spans)
    return count, size


def _forms(text: str) -> set[bytes]:
    """How a text may stand in a log: as it is, in JSON, as a Python literal."""
    escaped = {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1]}
    return {form.encode() for form in {text, *escaped}}
