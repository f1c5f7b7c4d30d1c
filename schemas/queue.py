"""An operator's view of a deployment: queues, leases, waiting nodes with their reasons, dead letters."""

from __future__ import annotations

from pydantic import Field

from schemas.base import Contract
from schemas.event import NodeWait


class PoolView(Contract):
    """The queues of one worker pool."""

    pool: str = Field(description="control, or data.<pool>.")
    depths: dict[str, int] = Field(description="Entries by lane: front, interactive, batch_front, batch.")
    oldest_s: float | None = Field(None, description="Age of the oldest entry in seconds, on the bus's clock.")
    workers: list[str] = Field(default_factory=list, description="Running workers.")
    paused: str | None = Field(None, description="Why the pool is paused; null if it is not.")
    draining: list[str] = Field(default_factory=list, description="Workers that finish their work and then exit.")


class LeaseView(Contract):
    """A segment that a worker holds a lease on."""

    job: str
    segment: str
    nodes: list[str] = Field(description="Its running nodes.")
    worker: str
    fence: str
    beats: int = Field(description="Heartbeats counted so far.")
    since_s: float | None = Field(None, description="Seconds since its node started, according to SQL.")


class WaitView(Contract):
    """A node that waits without occupying a worker."""

    job: str
    node: str
    service: str
    wait: NodeWait


class LetterView(Contract):
    """A dead letter: a node that ran out of attempts."""

    job: str
    node: str
    service: str
    code: str
    message: str
    attempt: int
    at: float


class QueueView(Contract):
    """The state of the whole queue."""

    phase: str = Field(description="recall, grace or open: the phases of recovery after the bus lost its memory.")
    epoch: int
    pools: list[PoolView] = Field(default_factory=list)
    leases: list[LeaseView] = Field(default_factory=list)
    waiting: list[WaitView] = Field(default_factory=list)
    dead_letters: list[LetterView] = Field(default_factory=list)
    outbox: int = Field(0, description="Number of events that are not yet recorded in SQL.")
    outbox_oldest_s: float | None = Field(None, description="Age of the oldest of them in seconds, on the bus's clock.")
