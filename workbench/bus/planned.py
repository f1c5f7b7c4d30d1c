"""A job as the engine plans it, before it has a form on the bus (``encode``)."""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.event import EventType
from schemas.status import EdgeKind, NodeStatus


@dataclass(frozen=True)
class PlannedNode:
    """One node and what stands before it."""

    id: str
    segment: str
    status: NodeStatus
    pending: int  # parents that are not final
    fired: int  # edges that fired
    children: tuple[tuple[str, EdgeKind], ...]
    max_attempts: int
    result: bytes | None = None  # a NodeResult, of a node that is completed already
    asked: bytes | None = None  # a NodeWait, of a node that waits for a person


@dataclass(frozen=True)
class PlannedSegment:
    """One segment and what its worker is given."""

    id: str
    pool: str
    nodes: tuple[str, ...]
    spec: bytes  # a SegmentSpec
    needs: tuple[str, ...]  # nodes of other segments whose state or output these look at
    services: tuple[str, ...]  # that a worker must offer
    outside: int  # edges from other segments whose parent is not final
    asks: bool = False  # its one node asks a person


@dataclass
class Planned:
    """A job with the counters that its first state implies."""

    job: str
    nodes: list[PlannedNode]
    segments: list[PlannedSegment]
    ready: list[str]  # segments that are enqueued at once
    unhandled: list[str] = field(default_factory=list)  # nodes that have failed already, and nothing handles it
    events: list[tuple[EventType, str, bytes]] = field(default_factory=list)
    lane: str = "interactive"
