"""One executor, and the loop that supplies it with segments."""

from __future__ import annotations

import time

import structlog

from schemas.errors import ErrorInfo, WorkbenchError
from schemas.event import NodeFailure
from schemas.status import NodeStatus, Plane
from workbench.bus.connection import BUS_UNREACHABLE
from workbench.bus.results import Taken
from workbench.crash_points import CrashPoint, reached
from workbench.engine.lease import release
from workbench.engine.provided_services import offer
from workbench.engine.running_segment import RunningSegment
from workbench.engine.segment_supervisor import SegmentSupervisor
from workbench.engine.slot_parts import SlotParts
from workbench.metrics import TAKES

log = structlog.get_logger()
AT_ONCE_S = 0.003  # a faster take did not wait


class Slot:
    """Idle while it waits in ``take``, running while it supervises a segment, then draining or stopping.

    ``run`` blocks; call it in a separate thread.

    Args:
        serves: the pool's name in the declarations of nodes.
    """

    def __init__(self, name: str, plane: Plane, serves: str, parts: SlotParts) -> None:
        self.name = name
        self.shutdown = parts.shutdown
        self.executor = parts.executor
        self._parts = parts
        self._plane = plane
        self._serves = serves
        self._offer = offer((), plane, serves)
        self._offered: tuple[object, object] = (None, None)  # the services and models of that offer
        self._known_fence = ""  # fence of the last received lease
        self._busy = False  # the last take did not wait, so there may be more work
        self._runs = 0

    def run(self) -> None:
        """Take and run segments until it drains or stops; then return unfinished work."""
        taken: Taken | None = None
        away = False
        while not self.shutdown.draining:
            try:
                if taken is None:  # a taken segment belongs to the executor for which it was taken
                    self._stop_if_edited()
                if not self.executor.alive:
                    self.executor.ensure()  # before the take, because a worker that cannot run nodes must not lease any
                self._renew_offer()
                if taken is None:
                    taken = self._take()
                if away:
                    log.info("the bus is reachable again", worker=self.name)
                    away = False
            except BUS_UNREACHABLE as error:
                if not away:
                    log.warning("the bus is unreachable", worker=self.name, error=str(error))
                    away = True
                self.shutdown.wait(0.2)
                continue
            except WorkbenchError as error:
                log.error("the executor does not start", worker=self.name, error=str(error))
                self.shutdown.wait(5.0)
                continue
            if taken is not None:
                reached(CrashPoint.TAKE_ANSWERED)
                TAKES.labels(self._parts.pool).inc()
                self._known_fence = taken.lease.fence
                taken = self._work(taken)
        if taken is not None:
            release(self._parts.bus, taken.lease, self.name)
        self.executor.stop()

    def _stop_if_edited(self) -> None:
        """Stop an executor whose nodes were edited, so that the next one loads them and offers their new identity."""
        if self.executor.outdated():
            log.info("nodes were edited; restarting the executor", worker=self.name)
            self.executor.stop()

    def _renew_offer(self) -> None:
        """Offer what the executor and the models folder have now."""
        services, models = self.executor.services, self._parts.models.digests()
        if self._offered[0] is not services or self._offered[1] is not models:
            self._offer = offer(services, self._plane, self._serves, models)
            self._offered = services, models

    def _take(self) -> Taken | None:
        reached(CrashPoint.TAKE_ASKED)
        began = time.monotonic()
        taken = self._parts.bus.take(self.name, self._known_fence, self._parts.pool, offer=self._offer)
        # If work was there without waiting, there may be more, and the next take is sent with the commit. On an idle
        # deployment that take would find nothing and delay the worker that the commit wakes.
        self._busy = taken is not None and time.monotonic() - began < AT_ONCE_S
        return taken

    def _work(self, taken: Taken) -> Taken | None:
        """Run one segment. Returns the next one if it came with the last commit."""
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
        """Fail the attempt of a segment whose spec cannot be read, so that a worker of its version may take it."""
        node = next(name for name, status in taken.status.items() if not NodeStatus(status).final)
        info = ErrorInfo(
            message="this worker cannot read the job: it was accepted by another version of the workbench",
            code="node.version_mismatch",
            details={
                "where": f"node {node}",
                "node": node,
                "seen": str(fault)[:1000],
                "remedy": "Install the client's version on the workers, then retry the job.",
            },
        )
        failure = NodeFailure(error=info, worker=self.name, attempt=taken.attempt, again=True, finished_at=time.time())
        log.error("the segment cannot be read", worker=self.name, job=taken.lease.job, error=str(fault))
        try:
            self._parts.bus.fail(taken.lease, node, failure.to_json(), retry=True)
        except BUS_UNREACHABLE as error:
            log.info("lease left to expire", worker=self.name, job=taken.lease.job, error=str(error))
