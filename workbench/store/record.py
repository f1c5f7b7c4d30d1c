"""A batch of events as rows of the tables: pure functions, without SQL. ``schemas.folding`` defines their effects.

Applying a batch twice changes nothing, because a row stores the number of the last event that changed it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from schemas.event import Event, EventType
from schemas.folding import JOB_ENDS, counts_as_done, node_changes, open_status
from schemas.refs import Ref, read_ref
from schemas.series import Series
from schemas.status import JobStatus, NodeStatus

Row = dict[str, Any]
NodeKey = tuple[str, str]


class KnownNode(NamedTuple):
    """A node's row before a batch; the fields are columns."""

    job: str
    node: str
    service: str
    version: str | None
    status: str
    share: float
    attempt: int
    error: str | None  # JSON
    series: str  # JSON
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
        if event.type in JOB_ENDS:
            changes.ended.setdefault(event.job, JobEnd(JOB_ENDS[event.type], event.at, event.node))
            continue
        row = known.of_job[event.job].get(event.node)
        if row is None or (event.epoch, event.seq) <= (row.event_epoch, row.event_seq):
            continue
        key = (event.job, event.node)
        earlier = changes.nodes.get(key, {})
        changed = earlier | _node_row(
            event,
            attempt=earlier.get("attempt", row.attempt),
            failed=bool(earlier.get("error", row.error)),
            series=_series(event, earlier, row),
        )
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
    """Status and progress (0 to 1) of a job after the changes."""
    statuses = {
        name: NodeStatus(changes.nodes.get((node.job, name), {}).get("status", node.status))
        for name, node in nodes.items()
    }
    done = sum(nodes[name].share for name, status in statuses.items() if counts_as_done(status, ended=end is not None))
    if end is not None:
        return end.status, 1.0 if end.status is JobStatus.COMPLETED else min(1.0, done)
    return open_status(statuses.values()), min(1.0, done)


def _series(event: Event, earlier: Row, row: KnownNode) -> Series:
    """The metrics over steps before the event; not read for events that do not extend them."""
    if event.type is not EventType.NODE_SERIES:
        return {}
    known: Series = earlier["series"] if "series" in earlier else orjson.loads(row.series)
    return known


def _node_row(event: Event, *, attempt: int, failed: bool, series: Series) -> Row:
    """The columns that an event changes."""
    row = node_changes(event, attempt=attempt, failed=failed, series=series)
    if not row:  # it says something of the job alone, and counts all the same
        return {"event_epoch": event.epoch, "event_seq": event.seq}
    if "wait" in row:
        wait = row.pop("wait")
        row["waiting"] = wait and wait.model_dump(mode="json", by_alias=True, exclude_unset=True)
    error = row.get("error")
    if error is not None:
        row["error"] = error.model_dump(mode="json", by_alias=True)
    row["event_epoch"], row["event_seq"] = row.pop("epoch"), row.pop("seq")
    return row


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
