"""Pauses that double. A library (tenacity) would take a tenth of a second to import, in every client too."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """``first_s`` behind the first failure, then twice as long each time, ``longest_s`` at most."""

    first_s: float
    longest_s: float
    jitter: float = 0.0  # the share of a pause that chance may take away

    def pause_s(self, failures: int) -> float:
        """Seconds to wait behind so many failures in a row, at least 1."""
        pause_s = min(self.longest_s, self.first_s * 2.0 ** min(failures - 1, 32))
        return pause_s * (1.0 - self.jitter * random.random())
