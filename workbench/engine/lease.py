"""The segment a slot is working on, and the heart that keeps its lease."""

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
from workbench.bus.answers import Lease, Verdict
from workbench.bus.bus import Bus
from workbench.bus.connection import BUS_AWAY
from workbench.engine.threads import service_thread

log = structlog.get_logger()
TICK_S = 0.1
PROGRESS_EVERY_S = 0.25


@dataclass
class Active:
    """A leased segment. Fields are written under ``lock``; ``lost`` says why the work is in vain."""

    lease: Lease
    worker: str
    alive: Callable[[], bool]
    ends: dict[str, tuple[str, bytes]] = field(default_factory=dict)  # node -> final status, result or failure
    claims: dict[str, str] = field(default_factory=dict)  # node -> content key that it computes for everybody
    progress: dict[str, Progress] = field(default_factory=dict)
    lost: Verdict | None = None
    must_adopt: bool = False
    renewed_at: float = 0.0
    dirty: bool = False
    lock: threading.RLock = field(default_factory=threading.RLock)

    def outputs(self) -> dict[str, dict[str, Any]]:
        """Outputs by node, of those that completed."""
        done = {node: body for node, (status, body) in self.ends.items() if status == NodeStatus.COMPLETED}
        return {node: orjson.loads(body)["output"] for node, body in done.items()}

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

    def said(self, node: str, line: LogLine) -> None:
        """Add a line to what the node said."""
        with self.lock:
            known = self.progress.get(node) or Progress(node=node)
            self.report(known.model_copy(update={"log": [*known.log, line][-LOG_LINES:]}))


class Heart:
    """Counts heartbeats up for every active segment of a worker, while its executor lives.

    A node that holds the GIL or computes in native code keeps its lease: only the process's life counts, and time is
    bounded by ``timeout_s``. When the bus lost its memory, the leases are presented again (adopt).
    """

    def __init__(self, bus: Bus, lease_s: float) -> None:
        self._bus = bus
        self._every_s = lease_s / 4
        self._active: dict[int, Active] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = service_thread("heart", self._run)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(timeout=5)

    def watch(self, active: Active) -> None:
        active.renewed_at = time.monotonic() - self._every_s + TICK_S  # the first beat comes soon: it ends the refund
        with self._lock:
            self._active[id(active)] = active

    def forget(self, active: Active) -> None:
        with self._lock:
            self._active.pop(id(active), None)

    def cancelled(self, job: str) -> None:
        """A hint that a job was cancelled."""
        with self._lock:
            for active in self._active.values():
                if active.lease.job == job:
                    active.lost = Verdict.CANCELLED

    def _run(self) -> None:
        while not self._stopping.wait(TICK_S):
            with self._lock:
                current = list(self._active.values())
            for active in current:
                if active.lost is None and active.alive():
                    try:
                        self._beat(active)
                    except BUS_AWAY:
                        for other in current:
                            other.must_adopt = True
                        self._stopping.wait(TICK_S)

    def _beat(self, active: Active) -> None:
        with active.lock:
            now = time.monotonic()
            since = now - active.renewed_at
            due = since >= self._every_s or (active.dirty and since >= PROGRESS_EVERY_S) or active.must_adopt
            if not due:
                return
            if active.must_adopt:
                self._adopt(active)
                return
            progress = {name: value.to_json() for name, value in active.progress.items()} if active.dirty else None
            verdict = self._bus.renew(active.lease, progress)
            active.renewed_at, active.dirty = now, False
            if verdict is Verdict.WAIT:  # the bus was taken over by a new epoch: present the lease
                active.must_adopt = True
            elif verdict is not Verdict.OK:
                active.lost = verdict

    def _adopt(self, active: Active) -> None:
        start = orjson.dumps({"worker": active.worker})
        verdict, fence = self._bus.adopt(active.lease, active.worker, active.ends, start, active.claims)
        if verdict is Verdict.OK:
            if fence != active.lease.fence:
                log.info("lease adopted", job=active.lease.job, segment=active.lease.segment, fence=fence)
            active.lease = Lease(active.lease.job, active.lease.segment, fence)
            active.must_adopt = False
        elif verdict is not Verdict.WAIT:
            active.lost = verdict
