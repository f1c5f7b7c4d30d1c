"""How long the fault suite runs: ``make faults`` repeats each fault as often as promised, ``make test`` a few times."""

from __future__ import annotations

import os
from typing import TypeVar

Number = TypeVar("Number", int, float)
LONG = os.environ.get("WORKBENCH_FAULTS") == "long"


def extent(long: Number, short: Number) -> Number:
    """The first under ``make faults``, the second in ``make test``: repetitions or seconds."""
    return long if LONG else short
