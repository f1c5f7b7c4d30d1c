"""The results of the operations, as types."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from schemas.event import Event


class Verdict(StrEnum):
    """The result of an operation."""

    OK = "OK"
    AGAIN = "AGAIN"  # this commit was already made
    YIELD = "YIELD"  # committed; the rest of this batch segment was returned, because interactive work waits
    RETRY = "RETRY"  # the attempt failed, and another one follows
    FINAL = "FINAL"  # no attempt follows: the last one failed, or the job has ended
    FENCED = "FENCED"  # the lease is lost
    CANCELLED = "CANCELLED"
    WAIT = "WAIT"  # the deployment recovers after the bus lost its memory
    EXISTS = "EXISTS"
    UNKNOWN = "UNKNOWN"
    MOVED = "MOVED"
    OLD = "OLD"
    KNOWN = "KNOWN"  # a cache hit
    ROUND = "ROUND"  # bytes were removed meanwhile: check that the referenced ones exist, then repeat the call
    PARKED = "PARKED"  # the segment waits without a worker: for another computation, a person, or a part
    PARTS = "PARTS"  # the next parts
    END = "END"  # there is no further part: the node has completed
    BUSY = "BUSY"  # another node computes it, and this segment cannot be parked: repeat the call


class Phase(StrEnum):
    """The phases in which the control plane takes over a bus."""

    RECALL = "recall"  # the state in SQL is restored
    GRACE = "grace"  # live workers present their leases
    OPEN = "open"  # work continues


@dataclass(frozen=True)
class Marker:
    """The control plane's mark on the bus. A new bus has epoch 0 and no other value."""

    epoch: int
    run_id: str
    phase: Phase | None


@dataclass(frozen=True)
class OperatorHolds:
    """The pools and workers that an operator has stopped."""

    pools: dict[str, str]  # reason by the pool's name on the bus
    workers: frozenset[str]  # draining workers


@dataclass(frozen=True)
class Lease:
    """The right to work on a segment, as long as its heartbeat is renewed."""

    job: str
    segment: str
    fence: str  # "<epoch>:<n>"

    @property
    def n(self) -> int:
        return int(self.fence.split(":")[1])


@dataclass(frozen=True)
class Offer:
    """The services that a worker provides, as service keys, and the name of this set on the bus."""

    name: str
    services: frozenset[str]


@dataclass(frozen=True)
class Taken:
    """A segment taken from a queue, with all data that its executor needs."""

    lease: Lease
    attempt: int
    spec: bytes
    status: dict[str, str]
    results: dict[str, bytes]
    parts: dict[str, list[bytes]]


@dataclass(frozen=True)
class Received:
    """The answer to a request for parts.

    Attributes:
        verdict: PARTS, END, PARKED, OK if it does not wait for one, or why the lease is lost.
        parts: some of the parts that are finished, in order.
        computation: with parts: key of the producer's computation, if it has one.
        result: at the END: the producer's result.
        earlier: what the node left when it last waited.
    """

    verdict: Verdict
    parts: tuple[bytes, ...] = ()
    computation: str = ""
    result: bytes = b""
    earlier: bytes = b""


@dataclass(frozen=True)
class HeldLease:
    """A lease as the reaper reads it."""

    job: str
    segment: str
    value: bytes

    @property
    def fence(self) -> str:
        return self.value.split(b" ", 1)[0].decode()

    @property
    def beats(self) -> int:
        return int(self.value.split(b" ", 2)[1])

    @property
    def worker(self) -> str:
        return self.value.split(b" ", 2)[2].decode()


@dataclass(frozen=True)
class OutboxEntry:
    """An event that waits for the recorder."""

    id: str
    event: Event


@dataclass(frozen=True)
class Queued:
    """An entry of a queue."""

    id: str
    pool: str
    lane: str
    job: str
    segment: str
    entered_ms: int  # by the bus's clock; for display
