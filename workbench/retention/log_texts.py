"""Texts of erased jobs as they may stand in the log files of the home, where the compaction blots them out."""

from __future__ import annotations

import json
from collections.abc import Collection

LEAST_CHARACTERS = 12  # of a text: a shorter one stands in lines that have nothing to do with it


def sought(texts: Collection[str]) -> set[bytes]:
    """Every form in which these texts may stand in a log. Short ones, and single words, are left out."""
    return {form for text in texts if _is_prose(text) for form in _forms(text)}


def _is_prose(text: str) -> bool:
    return len(text) >= LEAST_CHARACTERS and " " in text.strip()


def _forms(text: str) -> set[bytes]:
    """As it is, in JSON, as a Python literal."""
    escaped = {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1]}
    return {form.encode() for form in {text, *escaped}}
