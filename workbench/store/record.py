"""Computes the effects of a batch of events on the tables: pure functions from events to rows, without SQL.

Every event has a number. Applying an event twice changes nothing, because a row stores the number of the last event
that changed it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pydantic import ValidationError

from schemas.errors import ErrorInfo
from schemas.event import Event, EventType, NodeFailure, NodeLoss, NodeResult, NodeStart
from schemas.refs import Ref, read_ref
from schemas.status import FINAL_NODE_STATUSES, JobStatus, NodeStatus

Row = dict[str, Any]
NodeKey = tuple[str, str]

_JOB_ENDS = {
    EventType.JOB_COMPLETED: JobStatus.COMPLETED,
    EventType.JOB_FAILED: JobStatus.FAILED,
    EventType.JOB_CANCELLED: JobStatus.CANCELLED,
}
_ACTIVE = frozenset({NodeStatus.RUNNING, NodeStatus.READY})
_NODE_ENDS = {EventType.NODE_SKIPPED: NodeStatus.SKIPPED, EventType.NODE_CANCELLED: NodeStatus.CANCELLED}


class KnownNode(NamedTuple):
    """A node's row before a batch; the fields are columns."""

    job: str
    node: str
    service: str
    version: str | None
    status: str
    share: float
    event_epoch: int
    event_seq: int


class KnownNodes:
    """The nodes of the jobs of a batch."""

    def __init__(self) -> None:
        self.of_job: dict[str, dict[str, KnownNode]] = {}

    def add(self, node: KnownNode) -> None:
        self.of_job.setdefault(node.job, {})[node.node] = node


@dataclass
class JobEnd:
    """A job became final."""

    status: JobStatus
    at: float
    node: str  # the first unhandled failure, for a failed job


@dataclass
class Changes:
    """The changes of a batch. Rows contain their key and only the columns that change."""

    nodes: dict[NodeKey, Row] = field(default_factory=dict)
    started: dict[str, float] = field(default_factory=dict)  # job -> start of its first node
    touched: set[str] = field(default_factory=set)  # jobs whose nodes changed
    ended: dict[str, JobEnd] = field(default_factory=dict)
    computed: dict[str, Row] = field(default_factory=dict)  # by content key
    recomputed: set[str] = field(default_factory=set)  # content keys whose output replaces an earlier one
    artifacts: dict[str, Row] = field(default_factory=dict)  # by digest
    grants: dict[tuple[str, str, str, str], Row] = field(default_factory=dict)  # (job, node, role, name)
    dead: dict[NodeKey, Row] = field(default_factory=dict)  # dead letters


def fold(events: Iterable[Event], known: KnownNodes) -> Changes:
    """The changes of events, in order. Events that are already reflected in their nodes' rows change nothing.

    Args:
        known: all nodes of the jobs of these events.
    """
    changes = Changes()
    for event in sorted(events, key=lambda event: (event.epoch, event.seq)):
        if event.type in _JOB_ENDS:
            changes.ended[event.job] = JobEnd(_JOB_ENDS[event.type], event.at, event.node)
            continue
        row = known.of_job[event.job].get(event.node)
        if row is None or (event.epoch, event.seq) <= (row.event_epoch, row.event_seq):
            continue
        key = (event.job, event.node)
        try:
            changed = _node_row(event)
        except ValidationError as fault:
            changed = _unreadable(event, fault)
        changed["event_epoch"], changed["event_seq"] = event.epoch, event.seq
        if (earlier := changes.nodes.get(key)) is not None:
            changed = earlier | changed
        changes.nodes[key] = changed
        changes.touched.add(event.job)
        if event.type is EventType.NODE_RUNNING:
            changes.started.setdefault(event.job, event.at)
        if event.type is EventType.NODE_COMPLETED:
            _note_result(changes, event, row, changed)
        if event.type is EventType.NODE_FAILED and event.data.get("again") is True:
            changes.dead[key] = _dead_letter(event, row, changed)
    return changes


def job_state(nodes: Mapping[str, KnownNode], changes: Changes, end: JobEnd | None) -> tuple[JobStatus, float]:
    """Status and progress (0 to 1) of a job after the changes.

    A job that is not final waits if some of its nodes wait and none is running or ready.
    """
    progress, active, waiting = 0.0, False, False
    cancelled = end is not None and end.status is JobStatus.CANCELLED
    for node in nodes.values():
        changed = changes.nodes.get((node.job, node.node))
        status = changed.get("status", node.status) if changed else node.status
        if status in FINAL_NODE_STATUSES or cancelled:
            progress += node.share
        elif status == NodeStatus.WAITING:
            waiting = True
        elif status in _ACTIVE:
            active = True
    if end is not None:
        return end.status, 1.0 if end.status is JobStatus.COMPLETED else min(1.0, progress)
    return JobStatus.WAITING if waiting and not active else JobStatus.RUNNING, min(1.0, progress)


def _node_row(event: Event) -> Row:
    if event.type is EventType.NODE_RUNNING:
        start = NodeStart.model_validate(event.data)
        return {
            "status": NodeStatus.RUNNING,
            "worker": start.worker,
            "attempt": start.attempt,
            "started_at": event.at,
            "error": None,
            "waiting": None,
        }
    if event.type is EventType.NODE_COMPLETED:
        result = NodeResult.model_validate(_finite(event.data))
        return {
            "status": NodeStatus.COMPLETED,
            "worker": result.worker,
            "attempt": result.attempt,
            "cached": result.cached,
            "content_key": result.content_key,
            "seconds": result.seconds,
            "cpu_seconds": result.cpu_seconds,
            "peak_memory_bytes": result.peak_memory_bytes,
            "metrics": result.metrics,
            "output": result.output,
            "error": None,
            "waiting": None,
            "started_at": result.started_at or event.at,
            "finished_at": result.finished_at or event.at,
        }
    if event.type in (EventType.NODE_RETRYING, EventType.NODE_FAILED):
        failure = NodeFailure.model_validate(event.data)
        final = event.type is EventType.NODE_FAILED
        return {
            "status": NodeStatus.FAILED if final else NodeStatus.READY,
            "worker": failure.worker,
            "attempt": failure.attempt,
            "seconds": failure.seconds,
            "error": failure.error.model_dump(mode="json", by_alias=True),
            "waiting": None,
            "started_at": failure.started_at or None,
            "finished_at": (failure.finished_at or event.at) if final else None,
            **({"output": None} if final else {}),
        }
    if event.type in _NODE_ENDS:
        return {"status": _NODE_ENDS[event.type], "waiting": None, "finished_at": event.at}
    if event.type is EventType.NODE_WAITING:
        return {"status": NodeStatus.WAITING, "waiting": event.data}
    if event.type is EventType.NODE_LOST:
        NodeLoss.model_validate(event.data)
        # The output is kept to mark a node that runs again (engine.known.lost_results).
        return {"status": NodeStatus.READY, "cached": False, "waiting": None, "seconds": None, "finished_at": None}
    if event.type is EventType.NODE_DECIDED:
        return {"status": NodeStatus.READY, "waiting": None}
    return {}


def _unreadable(event: Event, fault: ValidationError) -> Row:
    # Only the node's status is certain. One invalid event must not stop the recorder from processing later events.
    error = ErrorInfo(
        code="node.bad_output",
        message=f"the event {event.cursor} ({event.type}) of this node is not valid",
        details={"where": "event.data", "seen": str(fault)[:500]},
    )
    status = {
        EventType.NODE_COMPLETED: NodeStatus.COMPLETED,
        EventType.NODE_FAILED: NodeStatus.FAILED,
        EventType.NODE_RETRYING: NodeStatus.READY,
    }.get(event.type, NodeStatus.RUNNING)
    return {
        "status": status,
        "error": error.model_dump(mode="json", by_alias=True),
        "finished_at": event.at if status.final else None,
    }


def _finite(data: Row) -> Row:
    """Remove metrics that are not finite numbers, such as NaN, which JSON turns into null."""
    metrics = data.get("metrics")
    if not isinstance(metrics, dict) or not metrics:
        return data
    return data | {"metrics": {k: v for k, v in metrics.items() if isinstance(v, int | float) and math.isfinite(v)}}


def _note_result(changes: Changes, event: Event, known: KnownNode, changed: Row) -> None:
    output = changed.get("output")
    if output is None:
        return
    content_key = changed["content_key"]
    if content_key:
        changes.computed[content_key] = {
            "content_key": content_key,
            "service": known.service,
            "version": known.version,
            "output": output,
            "metrics": changed["metrics"],
            "seconds": changed["seconds"],
            "created_at": event.at,
        }
        if not changed["cached"]:
            changes.recomputed.add(content_key)
    for name, ref in named_refs(output):
        if ref.sha256 not in changes.artifacts:
            changes.artifacts[ref.sha256] = artifact_row(ref, event.at)
        grant = grant_row(event.job, event.node, "output", name, ref)
        changes.grants[event.job, event.node, "output", grant["name"]] = grant


def _dead_letter(event: Event, known: KnownNode, changed: Row) -> Row:
    error = changed["error"]
    message = error["message"].replace("\0", "\N{REPLACEMENT CHARACTER}")  # PostgreSQL accepts no NUL in texts
    return {
        "job": event.job,
        "node": event.node,
        "service": known.service,
        "version": known.version,
        "code": error["code"][:64],
        "message": message,
        "attempt": changed.get("attempt", 0),  # 0 if the event is not valid
        "worker": changed.get("worker", ""),
        "at": event.at,
        "error": error,
    }


def named_refs(value: Any, name: str = "") -> Iterator[tuple[str, Ref]]:
    """All references in a JSON value with their dotted names: ``{"parts": [ref]}`` gives ``("parts.0", ref)``."""
    if (ref := read_ref(value)) is not None:
        yield name, ref
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from named_refs(item, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from named_refs(item, f"{name}.{index}" if name else str(index))


def artifact_row(ref: Ref, at: float) -> Row:
    """A row of ``artifacts``."""
    return {
        "sha256": ref.sha256,
        "kind": ref.kind,
        "media_type": ref.media_type,
        "size_bytes": ref.size_bytes,
        "facts": ref.model_dump(mode="json", by_alias=True, exclude_none=True),
        "created_at": at,
    }


def grant_row(job: str, node: str, role: str, name: str, ref: Ref) -> Row:
    """A row of ``job_artifacts``."""
    return {"job": job, "node": node, "role": role, "name": name[-200:], "sha256": ref.sha256}
