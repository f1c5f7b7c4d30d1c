"""How long the fault suite runs: ``make faults`` repeats each fault many times, ``make test`` a few times."""

from __future__ import annotations

import os
from typing import TypeVar

Number = TypeVar("Number", int, float)
LONG = os.environ.get("WORKBENCH_FAULTS") == "long"


def extent(long: Number, short: Number) -> Number:
    """Return ``long`` under ``make faults`` and ``short`` under ``make test``: repetitions or seconds."""
    return long if LONG else short
