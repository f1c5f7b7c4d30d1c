"""Measures the cost of a node: wall time, CPU time of this process, peak resident memory."""

from __future__ import annotations

import time
from typing import Any

from schemas.base import Contract
from workbench.host import this_host

LONG_S = 0.05  # for shorter nodes, the reset of the kernel's peak would cost too much (0.1 ms)


class Cost(Contract):
    """Seconds of wall and CPU time, and the peak of resident memory."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory_bytes: int = 0


class Meter:
    """Starts measuring when it is created."""

    def __init__(self) -> None:
        self.started_at = time.time()
        self._wall = time.perf_counter()
        self._cpu = time.process_time()
        self._earlier = Cost()

    def add(self, earlier: Cost) -> None:
        """Count a cost from before this meter too."""
        self._earlier = earlier

    def times(self) -> dict[str, Any]:
        """seconds, started_at, finished_at."""
        return {"seconds": self._seconds(), "started_at": self.started_at, "finished_at": time.time()}

    def cost(self) -> Cost:
        seconds, earlier, host = self._seconds(), self._earlier, this_host()
        here = host.peak_bytes() if seconds - earlier.seconds >= LONG_S else host.resident_bytes()
        return Cost(
            seconds=seconds,
            cpu_seconds=round(earlier.cpu_seconds + time.process_time() - self._cpu, 6),
            peak_memory_bytes=max(earlier.peak_memory_bytes, here),
        )

    def stop(self) -> dict[str, Any]:
        """The cost as fields of a NodeResult."""
        return self.cost().model_dump() | self.times()

    def _seconds(self) -> float:
        return round(self._earlier.seconds + time.perf_counter() - self._wall, 6)
