"""Texts of erased jobs in the log files of the home: overwritten where they stand.

A log that a process is appending to keeps its place and its length. Digests are seen to by the compaction.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection

from workbench.embedded.log_digests import logs_of
from workbench.settings import Settings

LEAST_CHARACTERS = 12  # of a text: a shorter one stands in lines that have nothing to do with it


def mask(settings: Settings, texts: Collection[str]) -> tuple[int, int]:
    """Overwrite every occurrence in every log; returns how many, and how many bytes."""
    needles = {form for text in texts if _is_prose(text) for form in _forms(text)}
    count = size = 0
    for path in logs_of(settings.home):
        data = path.read_bytes()
        spans = [found.span() for needle in needles for found in re.finditer(re.escape(needle), data)]
        if spans:
            with path.open("r+b") as file:
                for start, end in spans:
                    file.seek(start)
                    file.write(b"x" * (end - start))
            count += len(spans)
            size += sum(end - start for start, end in spans)
    return count, size


def _is_prose(text: str) -> bool:
    return len(text) >= LEAST_CHARACTERS and " " in text.strip()


def _forms(text: str) -> set[bytes]:
    """How a text may stand in a log: as it is, in JSON, as a Python literal."""
    escaped = {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1]}
    return {form.encode() for form in {text, *escaped}}
