"""What is true of a job, folded from its events and from the progress of its nodes."""

from __future__ import annotations

import time
from collections.abc import Iterable

import orjson
import structlog
from pydantic import ValidationError

from schemas.api import ApiStatus
from schemas.errors import ErrorInfo
from schemas.event import Event, EventType, NodeFailure, NodeResult, NodeStart, NodeWait, Progress
from schemas.job import JobRecord
from schemas.live import LiveNode, LiveUpdate
from schemas.status import JobStatus, NodeStatus
from workbench.bus.watching import Place
from workbench.client.estimate import Estimate

log = structlog.get_logger()

_ENDS = {
    EventType.JOB_COMPLETED: ApiStatus.COMPLETED,
    EventType.JOB_FAILED: ApiStatus.FAILED,
    EventType.JOB_CANCELLED: ApiStatus.CANCELLED,
}
_QUIET = {EventType.NODE_SKIPPED: NodeStatus.SKIPPED, EventType.NODE_CANCELLED: NodeStatus.CANCELLED}


class JobFold:
    """One job. Starts from its record and takes every event, from the first on: what the record knows already changes
    nothing. Not thread-safe."""

    def __init__(self, record: JobRecord, typical_s: dict[str, float]) -> None:
        """``typical_s``: what the job's services took lately (``store.typical``)."""
        self.job = record.id
        self.end: ApiStatus | None = None
        self.nodes = {node.id: _recorded(record, node.id) for node in record.nodes}
        self._weights = record.graph.progress_weights()
        self._parents = {node: [edge.from_ for edge in edges] for node, edges in record.graph.parents().items()}
        self._estimate = Estimate.of(record, typical_s)
        self._on_bus = record.status is not JobStatus.ACCEPTED
        self._started = record.status is not JobStatus.ACCEPTED
        self._error: ErrorInfo | None = None
        self._place = self._paused = ""
        self.bus_away = False
        if record.status.final:
            self.close(record)

    def close(self, record: JobRecord) -> None:
        """Take the end of a job from its record: the bus has forgotten it."""
        self.end, self._error = ApiStatus(record.status.value), record.error
        for node in record.nodes:
            self.nodes[node.id] = _recorded(record, node.id)

    def see(self, event: Event) -> None:
        """Take an event in. What cannot be read of it is left out; its node's status is certain."""
        self._on_bus, self._place, self._paused = True, "", ""
        if event.type in _ENDS:
            self._finish(_ENDS[event.type], event.node)
        node = self.nodes.get(event.node)
        if node is None:
            return
        self._started = True
        try:
            _change(node, event)
            self._estimate.see(event, max(0.0, time.time() - event.at))
        except ValidationError as fault:
            log.warning("event not readable", job=self.job, cursor=event.cursor, error=str(fault)[:300])

    def report(self, reported: Iterable[bytes]) -> None:
        """Take in what running nodes say of themselves. Raises ValueError for what cannot be read."""
        for raw in reported:
            progress = Progress.model_validate(orjson.loads(raw))
            node = self.nodes.get(progress.node)
            if node is None or node.status is not NodeStatus.RUNNING:
                continue
            node.done, node.total, node.unit = progress.done, progress.total, progress.unit
            node.fraction, node.preview = max(0.0, progress.fraction), progress.preview or node.preview
            node.parts, node.log = progress.parts, progress.log or node.log
            self._estimate.progress(progress)

    def stands(self, place: Place | None) -> None:
        """Take in where the job's next segment stands in its queue."""
        self._place = self._paused = ""
        if place is None:
            return
        pool = place.pool.removeprefix("data.")
        if place.paused is not None:
            self._paused = pool
            self._place = f"pool {pool} is paused: {place.paused}" if place.paused else f"pool {pool} is paused"
        else:
            self._place = f"{place.before} before it in pool {pool}" if place.before else f"next in pool {pool}"

    @property
    def running(self) -> list[str]:
        """Nodes that run."""
        return [name for name, node in self.nodes.items() if node.status is NodeStatus.RUNNING]

    @property
    def queued(self) -> bool:
        """Whether it stands in a queue and nothing of it runs, so that its place there is worth a look."""
        return (
            self.end is None
            and self._on_bus
            and self.status in (ApiStatus.QUEUED, ApiStatus.RUNNING)
            and not (any(node.status in (NodeStatus.RUNNING, NodeStatus.WAITING) for node in self.nodes.values()))
        )

    @property
    def status(self) -> ApiStatus:
        """By the rule of ``store.record.job_state``: it waits when nodes wait and none runs or is about to."""
        if self.end is not None:
            return self.end
        states = {node.status for node in self.nodes.values()}
        if not self._on_bus:
            return ApiStatus.ADVERTISED
        if states & {NodeStatus.RUNNING, NodeStatus.READY}:
            return ApiStatus.RUNNING
        if NodeStatus.WAITING in states or not self._started:
            return ApiStatus.QUEUED
        return ApiStatus.RUNNING

    def state(self) -> LiveUpdate:
        """The job as it is now, without events."""
        shown = {name: node.model_copy() for name, node in self.nodes.items()}
        for name, node in shown.items():
            if node.status is NodeStatus.RUNNING:
                node.seconds_left = _rounded(self._estimate.node_seconds_left(name))
            elif node.status is NodeStatus.PENDING and self._on_bus and self.end is None and self._free(name):
                node.status = NodeStatus.READY
        status = self.status
        done = sum(self._weights[name] * (1.0 if node.status.final else node.fraction) for name, node in shown.items())
        waiting = dict.fromkeys(node.waiting for node in shown.values() if node.waiting)
        return LiveUpdate(
            job_id=self.job,
            status=status,
            progress=1.0 if status is ApiStatus.COMPLETED else round(min(1.0, done), 4),
            seconds_left=_rounded(self._estimate.seconds_left()) if self.end is None else None,
            waiting="; ".join(waiting) or self._place,
            paused="" if waiting else self._paused,
            error=self._error,
            bus_away=self.bus_away,
            nodes=shown,
            cursor="",
            events=[],
        )

    def _free(self, name: str) -> bool:
        return all(self.nodes[parent].status.final for parent in self._parents[name])

    def _finish(self, end: ApiStatus, node: str) -> None:
        self.end = end
        self._error = self.nodes[node].error if node in self.nodes else None
        for state in self.nodes.values():
            if end is ApiStatus.CANCELLED and not state.status.final:
                state.status, state.waiting = NodeStatus.CANCELLED, ""


def _recorded(record: JobRecord, name: str) -> LiveNode:
    node = record.node(name)
    wait = record.graph.node(name).telemetry.get("waiting") if node.status is NodeStatus.WAITING else None
    return LiveNode(
        status=node.status,
        fraction=1.0 if node.status is NodeStatus.COMPLETED else 0.0,
        waiting=NodeWait.model_validate(wait).sentence() if wait else "",
        error=node.error,
        cached=node.cached,
        seconds=node.seconds,
        started_at=node.started_at,
        worker=node.worker,
        attempt=node.attempt,
    )


def _change(node: LiveNode, event: Event) -> None:
    if event.type is EventType.NODE_RUNNING:
        again = node.attempt + 1 if node.error else 0  # a worker that takes a segment does not say which attempt it is
        node.status, node.waiting, node.error, node.seconds = NodeStatus.RUNNING, "", None, None
        node.fraction, node.done, node.total, node.unit, node.cached = 0.0, 0.0, 1.0, "", False
        node.started_at = event.at
        start = NodeStart.model_validate(event.data)
        node.worker, node.attempt = start.worker, max(start.attempt, again)
    elif event.type is EventType.NODE_COMPLETED:
        node.status, node.waiting, node.error, node.fraction = NodeStatus.COMPLETED, "", None, 1.0
        node.done = node.total
        result = NodeResult.model_validate(event.data)
        node.cached, node.seconds = result.cached, result.seconds
        node.worker, node.attempt = result.worker or node.worker, result.attempt
        node.started_at = result.started_at or node.started_at
    elif event.type in (EventType.NODE_FAILED, EventType.NODE_RETRYING):
        final = event.type is EventType.NODE_FAILED
        node.status, node.waiting = NodeStatus.FAILED if final else NodeStatus.READY, ""
        failure = NodeFailure.model_validate(event.data)
        node.error, node.seconds = failure.error, failure.seconds
        node.worker, node.attempt = failure.worker or node.worker, failure.attempt
    elif event.type in _QUIET:
        node.status, node.waiting = _QUIET[event.type], ""
    elif event.type is EventType.NODE_WAITING:
        node.status = NodeStatus.WAITING
        node.waiting = NodeWait.model_validate(event.data).sentence()
    elif event.type is EventType.NODE_LOST:
        node.status, node.waiting, node.fraction, node.done, node.cached = NodeStatus.READY, "", 0.0, 0.0, False
    elif event.type is EventType.NODE_DECIDED:
        node.status, node.waiting = NodeStatus.READY, ""


def _rounded(seconds: float | None) -> float | None:
    # Whole seconds: a job that says nothing new is not told about four times a second.
    return None if seconds is None else float(round(seconds))
