"""What an operator sees of a bench: queues, leases, what waits and why, dead letters."""

from __future__ import annotations

from pydantic import Field

from schemas.base import Contract
from schemas.event import NodeWait


class PoolView(Contract):
    """The queues of one pool."""

    pool: str = Field(description="control, or data.<pool>.")
    depths: dict[str, int] = Field(description="Entries by lane: front, interactive, batch_front, batch.")
    oldest_s: float | None = Field(None, description="Age of the oldest entry in seconds, on the bus's clock.")
    workers: list[str] = Field(default_factory=list, description="Workers that are up.")
    paused: str | None = Field(None, description="Why the pool is paused, where it is.")
    draining: list[str] = Field(default_factory=list, description="Workers that finish what they do and leave.")


class LeaseView(Contract):
    """A segment that a worker holds."""

    job: str
    segment: str
    nodes: list[str] = Field(description="Its nodes that run.")
    worker: str
    fence: str
    beats: int = Field(description="Heartbeats counted so far.")
    since_s: float | None = Field(None, description="Seconds since its node started, by the record in SQL.")


class WaitView(Contract):
    """A node that waits without a worker."""

    job: str
    node: str
    service: str
    wait: NodeWait


class LetterView(Contract):
    """A node that was given up."""

    job: str
    node: str
    service: str
    code: str
    message: str
    attempt: int
    at: float


class QueueView(Contract):
    """The whole of it."""

    phase: str = Field(description="recall, grace or open; what a bus that lost its memory goes through.")
    epoch: int
    pools: list[PoolView] = Field(default_factory=list)
    leases: list[LeaseView] = Field(default_factory=list)
    waiting: list[WaitView] = Field(default_factory=list)
    dead_letters: list[LetterView] = Field(default_factory=list)
    outbox: int = Field(0, description="Events that SQL has not confirmed.")
    outbox_oldest_s: float | None = Field(None, description="Age of the oldest of them, on the bus's clock.")
