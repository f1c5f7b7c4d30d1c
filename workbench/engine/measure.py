"""What one node cost: wall time, CPU time of this process, peak resident memory."""

from __future__ import annotations

import contextlib
import os
import time
from functools import cache
from pathlib import Path
from typing import Any

_STATUS = Path("/proc/self/status")
_STATM = Path("/proc/self/statm")
_CLEAR = Path("/proc/self/clear_refs")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
LONG_S = 0.05  # a shorter node is not worth resetting the kernel's peak, which costs 0.1 ms


class Meter:
    """Starts when made."""

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
        """The fields of a NodeResult that say what it cost."""
        times = self.times()
        return {
            **times,
            "cpu_seconds": round(time.process_time() - self._cpu, 6),
            "peak_memory_bytes": _peak_bytes() if times["seconds"] >= LONG_S else _resident_bytes(),
        }


def _peak_bytes() -> int:
    """The peak since the last long node ended; it is reset here, for the next one."""
    peak = 0
    for line in _STATUS.read_text().splitlines():
        if line.startswith("VmHWM:"):
            peak = int(line.split()[1]) * 1024
    # "5" resets the peak (proc(5)); where the kernel forbids it the peak is that of the process so far.
    with contextlib.suppress(OSError):
        _CLEAR.write_bytes(b"5")
    return peak


def _resident_bytes() -> int:
    return int(os.pread(_statm(os.getpid()), 128, 0).split()[1]) * _PAGE_BYTES


@cache
def _statm(_pid: int) -> int:
    """The file stays open: opening it anew for each node took longer than many a node."""
    return os.open(_STATM, os.O_RDONLY | os.O_CLOEXEC)
