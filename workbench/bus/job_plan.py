"""A job as the engine plans it, before ``encode`` turns it into fields."""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.event import EventType
from schemas.status import NodeStatus

WAITS = "waits"  # not an edge: the child starts after the node has ended, and whatever that gives, it makes nothing run


@dataclass(frozen=True)
class PlannedNode:
    """One node with its initial counters."""

    id: str
    segment: str
    status: NodeStatus
    pending: int  # number of parents that are not final
    fired: int  # number of fired edges
    children: tuple[tuple[str, str], ...]  # with the kinds of the edges, or WAITS
    max_attempts: int
    result: bytes | None = None  # NodeResult of a completed node
    asked: bytes | None = None  # NodeWait of a node that waits for a person
    consumers: tuple[str, ...] = ()  # nodes that take its output in parts
    producers: tuple[str, ...] = ()  # nodes whose output it takes in parts


@dataclass(frozen=True)
class PlannedSegment:
    """One segment with the data for its worker."""

    id: str
    pool: str
    nodes: tuple[str, ...]
    spec: bytes  # SegmentSpec
    needs: tuple[str, ...]  # nodes of other segments whose state or output its nodes use
    services: tuple[str, ...]  # service keys that a worker must provide
    outside: int  # number of edges from parents in other segments that are not final
    asks: bool = False  # whether its only node asks a person


@dataclass
class JobPlan:
    """A job with its initial counters."""

    job: str
    nodes: list[PlannedNode]
    segments: list[PlannedSegment]
    ready: list[str]  # segments to enqueue at once
    unhandled: list[str] = field(default_factory=list)  # failed nodes without a handler
    events: list[tuple[EventType, str, bytes]] = field(default_factory=list)
    lane: str = "interactive"
