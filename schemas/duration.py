"""Durations as people write them: ``30d``, ``12h``, ``90m``, ``45s``, ``2w``."""

from __future__ import annotations

import re

DURATION_PATTERN = r"^[0-9]{1,6}[smhdw]$"
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def seconds_of(text: str) -> float:
    """The duration in seconds. Raises ValueError if the text is not a duration."""
    if not re.match(DURATION_PATTERN, text):
        raise ValueError(f"{text!r} is not a duration such as 30d, 12h or 90m")
    return float(int(text[:-1]) * _SECONDS[text[-1]])
