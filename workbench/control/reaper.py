"""Takes over segments whose worker fell silent. Only the reaper's own monotonic clock counts."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import structlog

from schemas.errors import ErrorInfo
from schemas.event import NodeFailure
from workbench.bus.bus import Bus, Held
from workbench.bus.connection import BUS_AWAY
from workbench.crash_points import CrashPoint, reached
from workbench.settings import Settings

log = structlog.get_logger()


@dataclass
class _Seen:
    value: bytes
    since: float


class Reaper:
    """Reads all leases every quarter of a lease; one that did not move for a whole lease is taken over.

    After a gap in its own readings it starts anew: it cannot know what happened meanwhile.
    """

    def __init__(self, settings: Settings) -> None:
        self.bus = Bus(settings.bus_url, settings.bench)
        self.lease_s = settings.lease_s
        self.stopping = threading.Event()
        self._seen: dict[tuple[str, str], _Seen] = {}
        self._read_at = float("-inf")

    def run(self) -> None:
        while not self.stopping.wait(self.lease_s / 8):
            try:
                self.look(time.monotonic())
            except BUS_AWAY:
                self._seen.clear()

    def look(self, now: float) -> list[Held]:
        """One reading at monotonic second ``now``; returns the leases that were taken over."""
        if now - self._read_at > self.lease_s / 2:
            self._seen.clear()
        self._read_at = now
        present = {(held.job, held.segment): held for held in self.bus.leases()}
        for key in [key for key in self._seen if key not in present]:
            del self._seen[key]
        taken = []
        for key, held in present.items():
            seen = self._seen.get(key)
            if seen is None or seen.value != held.value:
                self._seen[key] = _Seen(held.value, now)
            elif now - seen.since >= self.lease_s and self._expire(held):
                taken.append(held)
        return taken

    def _expire(self, held: Held) -> bool:
        info = ErrorInfo(
            message=f"the worker {held.worker} stopped answering",
            code="node.worker_lost",
            details={"worker": held.worker, "leaseS": self.lease_s, "remedy": "Look at that worker's log and memory."},
        )
        reached(CrashPoint.EXPIRE_ASKED)
        verdict = self.bus.expire(held, NodeFailure(error=info, worker=held.worker, finished_at=time.time()).to_json())
        reached(CrashPoint.EXPIRE_ANSWERED)
        log.warning("lease expired", job=held.job, segment=held.segment, worker=held.worker, verdict=verdict.value)
        return True
