"""The texts of erased jobs, in the forms in which log files may contain them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any

from schemas.job import JobRecord

LEAST_CHARACTERS = 12  # a shorter text may also occur in unrelated lines


def texts_of(records: Collection[JobRecord]) -> set[bytes]:
    """Sentences in the graphs of the jobs, in all forms in which a log may contain them."""
    found: set[str] = set()
    for record in records:
        found.update(_strings(record.graph.metadata))
        for node in record.graph.nodes:
            found.update(_strings([node.params, node.input, node.output or {}]))
    prose = {text for text in found if len(text) >= LEAST_CHARACTERS and " " in text.strip()}
    return {form for text in prose for form in _forms(text)}


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item)


def _forms(text: str) -> set[bytes]:
    """The text itself, in JSON, and as a Python literal."""
    escaped = {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1]}
    return {form.encode() for form in {text, *escaped}}
