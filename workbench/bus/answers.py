"""What the scripts answer, as types."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from schemas.event import Event


class Verdict(StrEnum):
    """What a script answered."""

    OK = "OK"
    AGAIN = "AGAIN"  # this very commit was made before
    YIELD = "YIELD"  # done; the rest of this sweep's segment was handed back, a person's work goes first
    RETRY = "RETRY"  # the attempt failed, another follows elsewhere
    FINAL = "FINAL"  # nothing more happens here: the last attempt failed, or the job had ended
    FENCED = "FENCED"  # the lease belongs to somebody else by now
    CANCELLED = "CANCELLED"
    WAIT = "WAIT"  # the deployment recovers from a loss of memory
    EXISTS = "EXISTS"
    UNKNOWN = "UNKNOWN"
    MOVED = "MOVED"
    OLD = "OLD"
    KNOWN = "KNOWN"  # the result was computed before
    ROUND = "ROUND"  # bytes were removed since: make sure that those that are named are there, then again
    PARKED = "PARKED"  # somebody else computes it: the segment waits without a worker
    BUSY = "BUSY"  # somebody else computes it, and this segment cannot be parked: ask again


class Phase(StrEnum):
    """How far the control plane is with a bus that it takes over."""

    RECALL = "recall"  # SQL's word is put on it
    GRACE = "grace"  # live workers present their leases
    OPEN = "open"  # work goes on


@dataclass(frozen=True)
class Marker:
    """What the control plane left on the bus; on a new one epoch 0 and nothing else."""

    epoch: int
    run_id: str
    phase: Phase | None


@dataclass(frozen=True)
class Holds:
    """What an operator holds back."""

    pools: dict[str, str]  # by name on the bus: why
    workers: frozenset[str]  # that drain


@dataclass(frozen=True)
class Lease:
    """The right to work on a segment while its heartbeat counts."""

    job: str
    segment: str
    fence: str  # "<epoch>:<n>"

    @property
    def n(self) -> int:
        return int(self.fence.split(":")[1])


@dataclass(frozen=True)
class Offer:
    """What a worker can run: "service@version#weights" of each service, and the name of that set on the bus."""

    name: str
    services: frozenset[str]


@dataclass(frozen=True)
class Taken:
    """A segment taken from a queue, with all its executor needs to know."""

    lease: Lease
    attempt: int
    spec: bytes
    status: dict[str, str]
    results: dict[str, bytes]
    parts: dict[str, list[bytes]]


@dataclass(frozen=True)
class Held:
    """A lease as the reaper sees it."""

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
    """An event on its way to SQL."""

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
    entered_ms: int  # on the bus's clock; for display
