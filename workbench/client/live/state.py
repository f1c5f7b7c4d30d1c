"""The current state of a job: its folded events, and other data (progress, time left, place in the queue)."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

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
from workbench.store.job_times import first_frame_s

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
        self._estimate.take(record.nodes, time.time())
        self._created_at = record.created_at
        self._reported: dict[str, Progress] = {}  # the latest report of each node that runs or ran
        self._parts: dict[str, int] = {}
        self._shares: dict[str, float] = {}  # the greatest shown share of each node that began before its parents ended
        for name, node in self.fold.nodes.items():
            if node.in_progress and self.fold.open_parents(name):
                self._shares[name] = 0.0
        self._place = self._paused = ""

    @property
    def ended(self) -> bool:
        """Whether its end was received."""
        return self.fold.end is not None

    def see(self, event: Event) -> None:
        """Apply an event."""
        self._place = self._paused = ""
        before = self.fold.nodes.get(event.node)
        if not self.fold.see(event):
            return
        if event.type is EventType.NODE_RUNNING and before is not None and before.between_parts:
            return  # the next part of its input is there: it goes on
        if event.type in (EventType.NODE_RUNNING, EventType.NODE_LOST):
            self._begin_anew(event)
        try:
            self._estimate.see(event, max(0.0, time.time() - event.at))
            output = self.fold.nodes[event.node].output if event.type is EventType.NODE_COMPLETED else None
            if output and self._expectation.see(event.node, output):
                self._estimate.expect(self._expectation.seconds)
        except ValidationError as fault:
            log.warning("event not readable", job=self.fold.job, cursor=event.cursor, error=str(fault)[:300])

    def report(self, reported: Iterable[Progress], parts: Mapping[str, int]) -> None:
        """Apply what nodes report.

        Args:
            reported: the latest progress of nodes that run, or wait for the next part of an input.
            parts: numbers of finished parts, by node.
        """
        self._parts |= parts
        for progress in reported:
            node = self.fold.nodes.get(progress.node)
            if node is None or not node.in_progress:
                continue
            before = self._reported.get(progress.node, progress)
            kept: dict[str, Any] = {"preview": progress.preview or before.preview, "log": progress.log or before.log}
            if not progress.done:  # it started again from its beginning, and passes over what it has made
                kept |= {"done": before.done, "total": before.total, "unit": before.unit}
            self._reported[progress.node] = progress.model_copy(update=kept)
            if self._growing(progress.node):
                self._estimate.known_work(progress)
            else:
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
    def working(self) -> list[str]:
        """The nodes that run, or wait for the next part of an input."""
        return [name for name, node in self.fold.nodes.items() if node.in_progress]

    @property
    def queued(self) -> bool:
        """Whether it waits in a queue and no node runs, so that its place is worth a query."""
        nodes = self.fold.nodes.values()
        busy = any(n.status in (NodeStatus.RUNNING, NodeStatus.WAITING) and not n.between_parts for n in nodes)
        return self.fold.on_bus and not self.ended and not busy

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
            first_frame_seconds=first_frame_s(self._created_at, self.fold.nodes.values()),
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
        growing = self._growing(name)
        left = self._estimate.node_seconds_left(name) if node.in_progress and not growing else None
        return LiveNode(
            status=self.fold.shown_status(name),
            fraction=1.0 if completed else self._share(name),
            done=report.total if completed else report.done,
            total=report.total,
            unit=report.unit,
            growing=growing,
            seconds_left=_rounded(left),
            preview=report.preview,
            parts=max(report.parts, self._parts.get(name, 0)),
            part_kind=node.part_kind,
            log=report.log,
            waiting=node.wait.sentence() if node.wait and not node.between_parts else "",
            error=node.error,
            cached=node.cached,
            seconds=node.seconds,
            started_at=node.started_at,
            worker=node.worker,
            attempt=node.attempt,
        )

    def _begin_anew(self, event: Event) -> None:
        for known in (self._reported, self._parts, self._shares):
            known.pop(event.node, None)
        if event.type is EventType.NODE_RUNNING and self.fold.open_parents(event.node):
            self._shares[event.node] = 0.0

    def _growing(self, name: str) -> bool:
        """Whether a node is at work on an input that is not complete, so that the total that it reports still grows."""
        return self.fold.nodes[name].in_progress and bool(self.fold.open_parents(name))

    def _share(self, name: str) -> float:
        """The completed share of a node; never less than before, although a total grows."""
        report = self._reported.get(name)
        own = max(0.0, report.fraction) if report else 0.0
        if name not in self._shares:
            return own
        share = own * min((self._share(parent) for parent in self.fold.open_parents(name)), default=1.0)
        self._shares[name] = max(self._shares[name], share)
        return self._shares[name]


def _rounded(seconds: float | None) -> float | None:
    # Rounded to seconds, so that an unchanged job does not cause four updates per second.
    return None if seconds is None else float(round(seconds))
