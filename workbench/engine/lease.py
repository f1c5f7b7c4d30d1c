"""The lease of a segment: renewed, presented again after the bus lost its memory, returned, or lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
import structlog

from schemas.event import LOG_LINES, LogLine, Progress
from schemas.status import NodeStatus
from workbench.bus.bus import Bus
from workbench.bus.connection import BUS_UNREACHABLE
from workbench.bus.results import Lease, Verdict
from workbench.crash_points import CrashPoint, reached
from workbench.engine.threads import service_thread

log = structlog.get_logger()
TICK_S = 0.1
PROGRESS_EVERY_S = 0.25


class Lost(Exception):
    """The lease is lost; the executor's results for the segment are not used any more."""


@dataclass
class LeasedSegment:
    """A leased segment, with the data to present after the bus lost its memory.

    Shared by a slot and the renewer; fields are written under ``lock``.
    """

    lease: Lease
    worker: str
    alive: Callable[[], bool]  # whether to renew the lease
    ends: dict[str, tuple[str, bytes]] = field(default_factory=dict)  # node -> final status, result or failure
    claims: dict[str, str] = field(default_factory=dict)  # node -> content key that it computes for all waiting nodes
    parts: dict[str, list[bytes]] = field(default_factory=dict)  # node -> its finished parts
    progress: dict[str, Progress] = field(default_factory=dict)
    lost: Verdict | None = None  # why the lease is lost
    must_adopt: bool = False  # the bus was unreachable and may have forgotten the lease
    renewed_at: float = 0.0
    dirty: bool = False  # there is progress that the bus does not have
    lock: threading.RLock = field(default_factory=threading.RLock)

    def lose(self, verdict: Verdict) -> Lost:
        """Mark the lease as lost. Returns the exception for the caller to raise."""
        self.lost = verdict
        return Lost(verdict.value)

    def present_again(self) -> None:
        """Wait for the renewer to present the lease, because the bus was unreachable or taken over."""
        self.must_adopt = True

    def start_data(self) -> bytes:
        """The data that the bus stores for a node that starts."""
        return orjson.dumps({"worker": self.worker})

    def outputs(self) -> dict[str, dict[str, Any]]:
        """Outputs of the completed nodes, by node."""
        done = {node: body for node, (status, body) in self.ends.items() if status == NodeStatus.COMPLETED}
        return {node: orjson.loads(body)["output"] for node, body in done.items()}

    def progress_of(self, node: str) -> Progress:
        return self.progress.get(node) or Progress(node=node)

    def report(self, progress: Progress) -> None:
        with self.lock:
            known = self.progress.get(progress.node)
            if known:
                kept = {
                    "preview": progress.preview or known.preview,
                    "parts": max(progress.parts, known.parts),
                    "log": progress.log or known.log,
                }
                progress = progress.model_copy(update=kept)
            self.progress[progress.node] = progress
            self.dirty = True

    def add_log(self, node: str, line: LogLine) -> None:
        """Add a line to the node's log."""
        with self.lock:
            known = self.progress_of(node)
            self.report(known.model_copy(update={"log": [*known.log, line][-LOG_LINES:]}))


def release(bus: Bus, lease: Lease, worker: str) -> None:
    """Return a lease, so that another worker continues with the open nodes. If the bus is unreachable, it expires."""
    try:
        reached(CrashPoint.RELEASE_ASKED)
        bus.release(lease)
        reached(CrashPoint.RELEASE_ANSWERED)
    except BUS_UNREACHABLE as error:
        log.info("lease left to expire", worker=worker, job=lease.job, fence=lease.fence, error=str(error))


class LeaseRenewer:
    """Renews the leases of a worker's segments while their executors live.

    A node that holds the GIL or computes in native code keeps its lease: only the life of its process counts, and
    ``timeout_s`` limits the time. After the bus lost its memory, the leases are presented again (adopt).
    """

    def __init__(self, bus: Bus, lease_s: float) -> None:
        self._bus = bus
        self._every_s = lease_s / 4
        self._leased: dict[int, LeasedSegment] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = service_thread("lease renewer", self._run)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(timeout=5)

    def watch(self, leased: LeasedSegment) -> None:
        leased.renewed_at = (
            time.monotonic() - self._every_s + TICK_S
        )  # an early first heartbeat, because it ends the refund of the attempt
        with self._lock:
            self._leased[id(leased)] = leased

    def forget(self, leased: LeasedSegment) -> None:
        """Stop renewing: the lease is free, or its segment has ended."""
        with self._lock:
            self._leased.pop(id(leased), None)

    def cancelled(self, job: str) -> None:
        """Handle the hint that a job was cancelled."""
        with self._lock:
            for leased in self._leased.values():
                if leased.lease.job == job:
                    leased.lose(Verdict.CANCELLED)

    def _run(self) -> None:
        while not self._stopping.wait(TICK_S):
            with self._lock:
                current = list(self._leased.values())
            for leased in current:
                if leased.lost is None and leased.alive():
                    try:
                        self._beat(leased)
                    except BUS_UNREACHABLE:
                        for other in current:
                            other.present_again()
                        self._stopping.wait(TICK_S)

    def _beat(self, leased: LeasedSegment) -> None:
        with leased.lock:
            if leased.must_adopt:
                self._adopt(leased)
                return
            now = time.monotonic()
            since = now - leased.renewed_at
            if since < self._every_s and not (leased.dirty and since >= PROGRESS_EVERY_S):
                return
            progress = {name: value.to_json() for name, value in leased.progress.items()} if leased.dirty else None
            verdict = self._bus.renew(leased.lease, progress)
            leased.renewed_at, leased.dirty = now, False
            if verdict is Verdict.WAIT:
                leased.present_again()
            elif verdict is not Verdict.OK:
                leased.lose(verdict)

    def _adopt(self, leased: LeasedSegment) -> None:
        lease = leased.lease
        verdict, fence = self._bus.adopt(
            lease, leased.worker, leased.ends, leased.start_data(), leased.claims, leased.parts
        )
        if verdict is Verdict.OK:
            if fence != lease.fence:
                log.info("lease adopted", job=lease.job, segment=lease.segment, fence=fence)
            leased.lease = Lease(lease.job, lease.segment, fence)
            leased.must_adopt = False
        elif verdict is not Verdict.WAIT:
            leased.lose(verdict)
