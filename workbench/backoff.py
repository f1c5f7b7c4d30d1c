"""Pauses that double. A library (tenacity) would add 0.1 s of import time to every process and client."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """``first_s`` after the first failure, then twice as long each time, up to ``longest_s``."""

    first_s: float
    longest_s: float
    jitter: float = 0.0  # the maximum share by which a pause is randomly shortened

    def pause_s(self, failures: int) -> float:
        """Seconds to wait after this many consecutive failures (at least 1)."""
        pause_s = min(self.longest_s, self.first_s * 2.0 ** min(failures - 1, 32))
        return pause_s * (1.0 - self.jitter * random.random())
