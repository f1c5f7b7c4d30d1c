"""The current state of a job: its folded events, and other data (progress, time left, place in the queue)."""

from __future__ import annotations

import time
from collections.abc import Iterable

import structlog
from pydantic import ValidationError

from schemas.api import ApiStatus, api_status
from schemas.event import Event, EventType, Progress
from schemas.folding import JobFold, counts_as_done
from schemas.job import JobRecord, NodeRecord
from schemas.live import LiveNode, LiveUpdate
from schemas.status import NodeStatus
from workbench.bus.job_reader import Place
from workbench.client.estimate import Estimate
from workbench.client.expectation import Expectation

log = structlog.get_logger()


class LiveJob:
    """One job. It starts from the record and applies all events; events that the record includes change nothing.

    Not thread-safe.
    """

    def __init__(self, record: JobRecord, expectation: Expectation) -> None:
        self.fold = JobFold(record)
        self.bus_away = False
        self._weights = record.graph.progress_weights()
        self._expectation = expectation
        self._estimate = Estimate.by_node(record.graph, expectation.seconds)
        self._reported: dict[str, Progress] = {}  # the latest report of each node that runs or ran
        self._place = self._paused = ""

    @property
    def ended(self) -> bool:
        """Whether its end was received."""
        return self.fold.end is not None

    def see(self, event: Event) -> None:
        """Apply an event."""
        self._place = self._paused = ""
        if not self.fold.see(event):
            return
        if event.type in (EventType.NODE_RUNNING, EventType.NODE_LOST):
            self._reported.pop(event.node, None)
        try:
            self._estimate.see(event, max(0.0, time.time() - event.at))
            output = self.fold.nodes[event.node].output if event.type is EventType.NODE_COMPLETED else None
            if output and self._expectation.see(event.node, output):
                self._estimate.expect(self._expectation.seconds)
        except ValidationError as fault:
            log.warning("event not readable", job=self.fold.job, cursor=event.cursor, error=str(fault)[:300])

    def report(self, reported: Iterable[Progress]) -> None:
        """Apply the progress that running nodes report."""
        for progress in reported:
            node = self.fold.nodes.get(progress.node)
            if node is None or node.status is not NodeStatus.RUNNING:
                continue
            before = self._reported.get(progress.node, progress)
            kept = {"preview": progress.preview or before.preview, "log": progress.log or before.log}
            self._reported[progress.node] = progress.model_copy(update=kept)
            self._estimate.progress(progress)

    def set_queue_place(self, place: Place | None) -> None:
        """Apply the place of the job's next segment in its queue."""
        self._place = self._paused = ""
        if place is None:
            return
        pool = place.pool.removeprefix("data.")
        if place.paused is not None:
            self._paused = pool
            self._place = f"pool {pool} is paused: {place.paused}" if place.paused else f"pool {pool} is paused"
        else:
            self._place = f"{place.before} ahead in pool {pool}" if place.before else f"next in pool {pool}"

    @property
    def running(self) -> list[str]:
        """The running nodes."""
        return [name for name, node in self.fold.nodes.items() if node.status is NodeStatus.RUNNING]

    @property
    def queued(self) -> bool:
        """Whether it waits in a queue and no node runs, so that its place is worth a query."""
        busy = (NodeStatus.RUNNING, NodeStatus.WAITING)
        return self.fold.on_bus and not self.ended and not any(n.status in busy for n in self.fold.nodes.values())

    def state(self) -> LiveUpdate:
        """The current state of the job, without events."""
        nodes = {name: self._node(name, node) for name, node in self.fold.nodes.items()}
        status = api_status(self.fold.status, on_bus=self.fold.on_bus)
        done = sum(
            weight * (1.0 if counts_as_done(nodes[name].status, ended=self.ended) else nodes[name].fraction)
            for name, weight in self._weights.items()
        )
        waiting = dict.fromkeys(node.waiting for node in nodes.values() if node.waiting)
        return LiveUpdate(
            job_id=self.fold.job,
            status=status,
            progress=1.0 if status is ApiStatus.COMPLETED else round(min(1.0, done), 4),
            seconds_left=None if self.ended else _rounded(self._estimate.seconds_left()),
            waiting="; ".join(waiting) or self._place,
            paused="" if waiting else self._paused,
            error=self.fold.error,
            bus_away=self.bus_away,
            nodes=nodes,
            cursor="",
            events=[],
        )

    def _node(self, name: str, node: NodeRecord) -> LiveNode:
        report = self._reported.get(name) or Progress(node=name)
        completed = node.status is NodeStatus.COMPLETED
        left = self._estimate.node_seconds_left(name) if node.status is NodeStatus.RUNNING else None
        return LiveNode(
            status=self.fold.shown_status(name),
            fraction=1.0 if completed else max(0.0, report.fraction),
            done=report.total if completed else report.done,
            total=report.total,
            unit=report.unit,
            seconds_left=_rounded(left),
            preview=report.preview,
            parts=report.parts,
            part_kind=node.part_kind,
            log=report.log,
            waiting=node.wait.sentence() if node.wait else "",
            error=node.error,
            cached=node.cached,
            seconds=node.seconds,
            started_at=node.started_at,
            worker=node.worker,
            attempt=node.attempt,
        )


def _rounded(seconds: float | None) -> float | None:
    # Rounded to seconds, so that an unchanged job does not cause four updates per second.
    return None if seconds is None else float(round(seconds))
