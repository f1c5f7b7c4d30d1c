"""One executor and the loop that feeds it with segments."""

from __future__ import annotations

import time

import structlog

from schemas.errors import ErrorInfo, WorkbenchError
from schemas.event import NodeFailure
from schemas.status import NodeStatus, Plane
from workbench.bus.answers import Taken
from workbench.bus.connection import BUS_UNREACHABLE
from workbench.crash_points import CrashPoint, reached
from workbench.engine.lease import release
from workbench.engine.offers import offer
from workbench.engine.running_segment import RunningSegment
from workbench.engine.segment_supervisor import SegmentSupervisor
from workbench.engine.slot_parts import SlotParts
from workbench.metrics import TAKES

log = structlog.get_logger()
AT_ONCE_S = 0.003  # a take that took less did not wait


class Slot:
    """Idle while it waits in ``take``, running while it supervises a segment, draining or stopping as told.

    ``run`` blocks; call it in a thread of its own.

    Args:
        serves: the pool as its nodes declare it.
    """

    def __init__(self, name: str, plane: Plane, serves: str, parts: SlotParts) -> None:
        self.name = name
        self.shutdown = parts.shutdown
        self.executor = parts.executor
        self._parts = parts
        self._plane = plane
        self._serves = serves
        self._offer = offer((), plane, serves)
        self._heard = ""  # fence of the last lease it was given
        self._busy = False  # the last take did not wait: there may be more
        self._runs = 0

    def run(self) -> None:
        """Take and work until it drains or stops; hand back what is unfinished then."""
        taken: Taken | None = None
        away = False
        while not self.shutdown.draining:
            try:
                if taken is None:  # what was taken already is given back by the executor that it was taken for
                    self._stop_if_edited()
                if not self.executor.alive:
                    self.executor.ensure()  # before taking: a worker that cannot run nodes must not hold any
                    self._offer = offer(self.executor.services, self._plane, self._serves)
                if taken is None:
                    taken = self._take()
                if away:
                    log.info("bus is back", worker=self.name)
                    away = False
            except BUS_UNREACHABLE as error:
                if not away:
                    log.warning("bus is away", worker=self.name, error=str(error))
                    away = True
                self.shutdown.wait(0.2)
                continue
            except WorkbenchError as error:
                log.error("executor does not start", worker=self.name, error=str(error))
                self.shutdown.wait(5.0)
                continue
            if taken is not None:
                reached(CrashPoint.TAKE_ANSWERED)
                TAKES.labels(self._parts.pool).inc()
                self._heard = taken.lease.fence
                taken = self._work(taken)
        if taken is not None:
            release(self._parts.bus, taken.lease, self.name)
        self.executor.stop()

    def _stop_if_edited(self) -> None:
        """End an executor whose nodes were edited: the next one reads them anew and offers what they are now."""
        if self.executor.outdated():
            log.info("nodes were edited; the executor starts anew", worker=self.name)
            self.executor.stop()

    def _take(self) -> Taken | None:
        reached(CrashPoint.TAKE_ASKED)
        began = time.monotonic()
        taken = self._parts.bus.take(self.name, self._heard, self._parts.pool, offer=self._offer)
        # Work that was there without waiting: there may be more, and the next take travels behind the commit. On an
        # idle deployment that take would find nothing, and the worker that the commit wakes would wait for its end.
        self._busy = taken is not None and time.monotonic() - began < AT_ONCE_S
        return taken

    def _work(self, taken: Taken) -> Taken | None:
        """Run one segment; returns the next one where it came with the last commit."""
        self._runs += 1
        try:
            segment = RunningSegment.begin(taken, self._runs, self.name, lambda: self.executor.alive)
        except ValueError as error:
            self._refuse(taken, error)
            return None
        segment.log.debug("taken", nodes=sorted(segment.open), attempt=taken.attempt)
        following = SegmentSupervisor(self._parts, segment, self._offer if self._busy else None).run()
        self._busy = self._busy and following is not None
        return following

    def _refuse(self, taken: Taken, fault: ValueError) -> None:
        """The spec cannot be read here: a failed attempt, and a worker of its version may take the next one."""
        node = next(name for name, status in taken.status.items() if not NodeStatus(status).final)
        info = ErrorInfo(
            message="this worker cannot read the job: it was accepted by another version of the workbench",
            code="node.version_mismatch",
            details={
                "where": f"node {node}",
                "node": node,
                "seen": str(fault)[:1000],
                "remedy": "Bring the workers to the version of the client, then go on where the job stopped.",
            },
        )
        failure = NodeFailure(error=info, worker=self.name, attempt=taken.attempt, again=True, finished_at=time.time())
        log.error("segment cannot be read", worker=self.name, job=taken.lease.job, error=str(fault))
        try:
            self._parts.bus.fail(taken.lease, node, failure.to_json(), retry=True)
        except BUS_UNREACHABLE as error:
            log.info("lease left to expire", worker=self.name, job=taken.lease.job, error=str(error))
