"""Takes over segments whose worker stopped renewing its lease, by the reaper's own monotonic clock."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import structlog

from schemas.errors import ErrorInfo
from schemas.event import NodeFailure
from workbench.bus.bus import Bus
from workbench.bus.connection import BUS_UNREACHABLE
from workbench.bus.results import HeldLease, Verdict
from workbench.crash_points import CrashPoint, reached
from workbench.settings import Settings

log = structlog.get_logger()


@dataclass
class _Reading:
    value: bytes
    since: float


class Reaper:
    """Reads all leases eight times per lease duration, and takes over those that did not change for a whole duration.

    It also measures the pauses before new attempts. Both use only the time that passes here, not the clocks of workers.
    After a gap in its own readings it starts again, because it cannot know what happened meanwhile.
    """

    def __init__(self, settings: Settings) -> None:
        self.bus = Bus(settings.bus_url, settings.namespace)
        self.lease_s = settings.lease_s
        self.stopping = threading.Event()
        self._seen: dict[tuple[str, str], _Reading] = {}
        self._parked: dict[tuple[str, str], float] = {}  # when it was first read
        self._read_at = float("-inf")

    def run(self) -> None:
        while not self.stopping.wait(min(0.25, self.lease_s / 8)):
            try:
                self.check(time.monotonic())
            except BUS_UNREACHABLE:
                self._seen.clear()

    def check(self, now: float) -> list[HeldLease]:
        """Read the leases at monotonic second ``now``. Returns the leases that were taken over."""
        if now - self._read_at > self.lease_s / 2:
            self._seen.clear()
        self._read_at = now
        leases, delays = self.bus.leases_and_delays()
        self._wake(delays, now)
        present = {(held.job, held.segment): held for held in leases}
        for key in [key for key in self._seen if key not in present]:
            del self._seen[key]
        taken = []
        for key, held in present.items():
            seen = self._seen.get(key)
            if seen is None or seen.value != held.value:
                self._seen[key] = _Reading(held.value, now)
            elif now - seen.since >= self.lease_s and self._expire(held):
                taken.append(held)
        return taken

    def _wake(self, delays: dict[tuple[str, str], float], now: float) -> None:
        self._parked = {key: self._parked.get(key, now) for key in delays}
        for key, since in list(self._parked.items()):
            if now - since < delays[key]:
                continue
            del self._parked[key]  # if it is parked again before the next reading, that is a new pause
            if self.bus.wake(*key) is Verdict.OK:
                log.info("next attempt", job=key[0], segment=key[1], after_s=delays[key])

    def _expire(self, held: HeldLease) -> bool:
        info = ErrorInfo(
            message=f"the worker {held.worker} stopped responding",
            code="node.worker_lost",
            details={"worker": held.worker, "leaseS": self.lease_s, "remedy": "Check the worker's log and memory use."},
        )
        failure = NodeFailure(error=info, worker=held.worker, again=True, finished_at=time.time())
        reached(CrashPoint.EXPIRE_ASKED)
        verdict = self.bus.expire(held, failure.to_json())
        reached(CrashPoint.EXPIRE_ANSWERED)
        log.warning(
            "lease expired",
            job=held.job,
            segment=held.segment,
            fence=held.fence,
            worker=held.worker,
            verdict=verdict.value,
        )
        return verdict is not Verdict.MOVED
