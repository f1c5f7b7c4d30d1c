"""The field names on the bus. The scripts use the same names; tests/bus/test_format.py compares them.

A bus outlives the processes that write it, so unfinished jobs would lose a renamed field.
"""

from __future__ import annotations

from enum import StrEnum


class MetaField(StrEnum):
    """Fields of the control plane's mark on the bus."""

    EPOCH = "epoch"
    RUN_ID = "run_id"
    PHASE = "phase"


class JobField(StrEnum):
    """Fields of a job's hash that describe the job."""

    STATUS = "status"
    OPEN = "open"  # number of nodes that are not final
    SEQ = "seq"  # sequence number of its last event
    FAILURES = "failures"  # number of unhandled failures
    FIRST_FAILURE = "first_failure"
    LANE = "lane"


class NodeField(StrEnum):
    """Fields of a job's hash that describe a node: "<name>:<node>"."""

    STATUS = "st"
    PENDING = "pe"  # number of parents that are not final
    FIRED = "fi"  # number of fired edges
    SEGMENT = "sg"
    CHILDREN = "ki"  # "id kind;…"
    MAX_ATTEMPTS = "mx"
    RESULT = "rs"
    COMMITTED_UNDER = "by"  # fence of the commit
    PARTS = "pn"  # number of parts
    PART = "pt"  # "pt:<node>:<index>"
    REMADE = "rm"  # how often its lost inputs were computed again
    FLIGHT = "fl"  # content key that it computes for all waiting nodes
    KNOWN = "kn"  # cached result that its worker received
    UNSERVED = "un"  # last reported reason why no worker serves it
    ASKED = "as"  # its question to a person
    DECIDED = "de"  # the person's decision
    CONSUMERS = "so"  # ids of the nodes that take its output in parts
    PRODUCERS = "si"  # ids of the nodes whose output it takes in parts
    AWAITED = "aw"  # the node whose next part it waits for
    SO_FAR = "sf"  # what it had cost and reported when it last waited for a part

    def of(self, node: str) -> str:
        return f"{self.value}:{node}"


class SegmentField(StrEnum):
    """Fields of a job's hash that describe a segment: "<name>:<segment>"."""

    NODES = "nodes"  # ids of its nodes
    SPEC = "spec"
    NEEDS = "needs"  # ids of nodes of other segments
    OUTSIDE = "ext"  # number of edges from parents in other segments that are not final
    POOL = "pool"
    ATTEMPT = "at"
    SERVICES = "rq"  # service keys that a worker must provide
    REFUNDED = "rf"  # number of attempts that did not count
    ASKING = "ap"  # its node that asks a person, if any

    def of(self, segment: str) -> str:
        return f"{self.value}:{segment}"


class EventField(StrEnum):
    """Fields of an event of a job, and of the outbox, which adds the job and the event's id."""

    JOB = "j"
    ID = "i"
    TYPE = "t"
    NODE = "n"
    DATA = "d"
    AT = "a"


class EntryField(StrEnum):
    """Fields of a queue entry."""

    JOB = "j"
    SEGMENT = "s"


class HeldField(StrEnum):
    """Fields of the hash of paused pools and draining workers: "<name>:<pool or worker>"."""

    POOL = "pool"
    WORKER = "worker"

    def of(self, name: str) -> str:
        return f"{self.value}:{name}"
