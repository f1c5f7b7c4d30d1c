"""Measures the cost of a node: wall time, CPU time of this process, peak resident memory."""

from __future__ import annotations

import time
from typing import Any

from workbench.host import this_host

LONG_S = 0.05  # for shorter nodes, the reset of the kernel's peak would cost too much (0.1 ms)


class Meter:
    """Starts measuring when it is created."""

    def __init__(self) -> None:
        self.started_at = time.time()
        self._wall = time.perf_counter()
        self._cpu = time.process_time()

    def times(self) -> dict[str, Any]:
        """seconds, started_at, finished_at."""
        return {
            "seconds": round(time.perf_counter() - self._wall, 6),
            "started_at": self.started_at,
            "finished_at": time.time(),
        }

    def stop(self) -> dict[str, Any]:
        """The cost as fields of a NodeResult."""
        times, host = self.times(), this_host()
        return {
            **times,
            "cpu_seconds": round(time.process_time() - self._cpu, 6),
            "peak_memory_bytes": host.peak_bytes() if times["seconds"] >= LONG_S else host.resident_bytes(),
        }
