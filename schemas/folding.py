"""Folds events into the state of a job: the one rule for its record, its live state and the output of a terminal.

An event counts for its node only if its number is greater than that of the last event that counted. So events may be
repeated, overlap after a reattach, or be applied again as a whole, with the same result. ``workbench/web/fold.js``
implements the same rule for browsers; a test compares the two.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from schemas.errors import ErrorInfo
from schemas.event import Event, EventType, FirstPart, NodeFailure, NodeLoss, NodeResult, NodeStart, NodeWait
from schemas.job import JobRecord, NodeRecord
from schemas.series import NodeSeries, Series, extended
from schemas.status import FINAL_NODE_STATUSES, JobStatus, NodeStatus

JOB_ENDS: Mapping[EventType, JobStatus] = {
    EventType.JOB_COMPLETED: JobStatus.COMPLETED,
    EventType.JOB_FAILED: JobStatus.FAILED,
    EventType.JOB_CANCELLED: JobStatus.CANCELLED,
}
# The status of a node after an event. It is certain even if the event's data is not valid.
_STATUS: Mapping[EventType, NodeStatus] = {
    EventType.NODE_RUNNING: NodeStatus.RUNNING,
    EventType.NODE_COMPLETED: NodeStatus.COMPLETED,
    EventType.NODE_RETRYING: NodeStatus.READY,
    EventType.NODE_FAILED: NodeStatus.FAILED,
    EventType.NODE_LOST: NodeStatus.READY,
    EventType.NODE_SKIPPED: NodeStatus.SKIPPED,
    EventType.NODE_CANCELLED: NodeStatus.CANCELLED,
    EventType.NODE_WAITING: NodeStatus.WAITING,
    EventType.NODE_DECIDED: NodeStatus.READY,
    EventType.NODE_READY: NodeStatus.READY,
}


def node_changes(event: Event, *, attempt: int, failed: bool, series: Series) -> dict[str, Any]:
    """The fields of a ``NodeRecord`` that an event of this node changes.

    Args:
        attempt: the node's attempt before the event.
        failed: whether the node had an error before the event; if so, the next attempt starts.
        series: the node's metrics over steps before the event.
    """
    changes: dict[str, Any] = {"epoch": event.epoch, "seq": event.seq}
    status = _STATUS.get(event.type)
    if status is not None:
        changes |= {"status": status, "wait": None}
        if status.final:
            changes["finished_at"] = event.at
    elif event.type not in (EventType.NODE_FIRST_PART, EventType.NODE_SERIES):
        return {}
    try:
        return changes | _read(event, attempt + 1 if failed else 0, series)
    except ValidationError as fault:  # one invalid event must not stop the recorder from processing later events
        return changes | {"error": _unreadable(event, fault)}


def _read(event: Event, attempt: int, series: Series) -> dict[str, Any]:
    match event.type:
        case EventType.NODE_RUNNING:
            start = NodeStart.model_validate(event.data)
            return {
                "worker": start.worker,
                "attempt": max(start.attempt, attempt),  # a worker that takes a segment does not send the attempt
                "started_at": event.at,
                "finished_at": None,
                "seconds": None,
                "cached": False,
                "error": None,
            }
        case EventType.NODE_COMPLETED:
            result = NodeResult.model_validate(_finite(event.data))
            return {
                "attempt": result.attempt,
                "cached": result.cached,
                "content_key": result.content_key,
                "seconds": result.seconds,
                "cpu_seconds": result.cpu_seconds,
                "peak_memory_bytes": result.peak_memory_bytes,
                "metrics": result.metrics,
                "output": result.output,
                "error": None,
                "started_at": result.started_at or event.at,
                "finished_at": result.finished_at or event.at,
            } | _named(worker=result.worker)
        case EventType.NODE_RETRYING | EventType.NODE_FAILED:
            failure = NodeFailure.model_validate(event.data)
            final = event.type is EventType.NODE_FAILED
            return {
                "attempt": failure.attempt,
                "seconds": failure.seconds,
                "error": failure.error,
                "finished_at": (failure.finished_at or event.at) if final else None,
                **({"output": None} if final else {}),
            } | _named(worker=failure.worker, started_at=failure.started_at)
        case EventType.NODE_LOST:
            NodeLoss.model_validate(event.data)
            # The output is kept to mark a node that runs again (engine.existing_results.lost_results).
            return {"cached": False, "seconds": None, "finished_at": None}
        case EventType.NODE_FIRST_PART:
            return {"first_part_at": event.at, "part_kind": FirstPart.model_validate(event.data).kind}
        case EventType.NODE_SERIES:
            return {"series": extended(series, NodeSeries.model_validate(event.data).points)}
        case EventType.NODE_WAITING:
            return {"wait": NodeWait.model_validate(event.data)}
    return {}


def _named(**values: Any) -> dict[str, Any]:
    """The values that the event contains; the others do not change."""
    return {name: value for name, value in values.items() if value}


def _finite(data: dict[str, Any]) -> dict[str, Any]:
    """Remove metrics that are not finite numbers, such as NaN, which JSON turns into null."""
    metrics = data.get("metrics")
    if not isinstance(metrics, dict) or not metrics:
        return data
    return data | {"metrics": {k: v for k, v in metrics.items() if isinstance(v, int | float) and math.isfinite(v)}}


def _unreadable(event: Event, fault: ValidationError) -> ErrorInfo:
    return ErrorInfo(
        code="node.bad_output",
        message=f"the event {event.cursor} ({event.type}) of this node is not valid",
        details={"where": "event.data", "seen": str(fault)[:500]},
    )


def counts_as_done(status: NodeStatus, *, ended: bool) -> bool:
    """Whether a job's progress includes the node. After the end of a job that did not complete, what was skipped or
    cancelled was not done."""
    return status is NodeStatus.COMPLETED if ended else status.final


def open_status(nodes: Iterable[NodeStatus]) -> JobStatus:
    """The status of a job that has started and not ended: it waits unless a node is running or all nodes are final."""
    found = set(nodes)
    return JobStatus.RUNNING if NodeStatus.RUNNING in found or found <= FINAL_NODE_STATUSES else JobStatus.WAITING


class JobFold:
    """A job's state. It starts from a record and applies events; events that the record contains change nothing.

    Attributes:
        nodes: by id; a changed node is replaced by a new object.
        end: the first final status, once there is one.
        on_bus: whether any event of the job was seen.
    """

    def __init__(self, record: JobRecord) -> None:
        self.job = record.id
        self.nodes: dict[str, NodeRecord] = {}
        self.end: JobStatus | None = None
        self.on_bus = self._begun = record.status is not JobStatus.ACCEPTED
        self._parents = {node: [edge.from_ for edge in edges] for node, edges in record.graph.parents().items()}
        self._failed_node = ""
        self._error: ErrorInfo | None = None
        self.take(record)

    def take(self, record: JobRecord) -> None:
        """Apply a record: its end, and the newer state of each node."""
        for node in record.nodes:
            known = self.nodes.get(node.id)
            if known is None or (node.epoch, node.seq) >= (known.epoch, known.seq):
                self.nodes[node.id] = node
        if record.status.final and self.end is None:
            self.end, self._error = record.status, record.error
            self._stop_nodes()

    def see(self, event: Event) -> bool:
        """Apply an event. Returns whether it changed anything."""
        if event.type in JOB_ENDS:
            if self.end is not None:
                return False
            self.on_bus, self.end, self._failed_node = True, JOB_ENDS[event.type], event.node
            self._stop_nodes()
            return True
        node = self.nodes.get(event.node)
        if node is None:  # the job was accepted
            first, self.on_bus = not self.on_bus, True
            return first
        if (event.epoch, event.seq) <= (node.epoch, node.seq):
            return False
        self.on_bus = self._begun = True
        changes = node_changes(event, attempt=node.attempt, failed=node.error is not None, series=node.series)
        self.nodes[event.node] = node.model_copy(update=changes)
        self._stop_nodes()  # the event may be late
        return bool(changes)

    @property
    def status(self) -> JobStatus:
        """The current status of the job."""
        if self.end is not None:
            return self.end
        return open_status(node.status for node in self.nodes.values()) if self._begun else JobStatus.ACCEPTED

    @property
    def error(self) -> ErrorInfo | None:
        """For a failed job: the first failure that no edge handled."""
        node = self.nodes.get(self._failed_node)
        return node.error if node is not None else self._error

    def shown_status(self, name: str) -> NodeStatus:
        """A node's status for display: the bus does not report when a pending node becomes ready, and a node that only
        waits for the next part of an input is at work."""
        status = self.nodes[name].status
        if self.nodes[name].in_progress:
            return NodeStatus.RUNNING
        if status is NodeStatus.PENDING and self.on_bus and self.end is None:
            return status if self.open_parents(name) else NodeStatus.READY
        return status

    def open_parents(self, name: str) -> list[str]:
        """The nodes before a node that have not ended."""
        return [parent for parent in self._parents[name] if not self.nodes[parent].status.final]

    def _stop_nodes(self) -> None:
        if self.end is JobStatus.CANCELLED:
            for name, node in self.nodes.items():
                if not node.status.final:
                    self.nodes[name] = node.model_copy(update={"status": NodeStatus.CANCELLED, "wait": None})
