"""What one node cost: wall time, CPU time of this process, peak resident memory."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


class Meter:
    """Starts when made."""

    def __init__(self) -> None:
        # "5" resets the peak (proc(5)); where the kernel forbids it the peak is that of the process so far.
        with contextlib.suppress(OSError):
            _CLEAR.write_bytes(b"5")
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
        """The fields of a NodeResult that say what it cost."""
        return {
            **self.times(),
            "cpu_seconds": round(time.process_time() - self._cpu, 6),
            "peak_memory_bytes": _peak_bytes(),
        }


def _peak_bytes() -> int:
    for line in _STATUS.read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0
