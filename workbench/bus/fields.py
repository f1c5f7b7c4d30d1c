"""The names of fields on the bus. The scripts write the same names; tests/bus/test_format.py compares them.

A bus outlives the processes that write it: a name that is changed here is unknown to jobs under way.
"""

from __future__ import annotations

from enum import StrEnum


class MetaField(StrEnum):
    """Of the marker that the control plane leaves on the bus."""

    EPOCH = "epoch"
    RUN_ID = "run_id"
    PHASE = "phase"


class JobField(StrEnum):
    """Of a job's hash, about the job."""

    STATUS = "status"
    OPEN = "open"  # nodes that are not final
    SEQ = "seq"  # of its last event
    FAILURES = "failures"  # that nothing handled
    FIRST_FAILURE = "first_failure"
    LANE = "lane"


class NodeField(StrEnum):
    """Of a job's hash, about a node: "<name>:<node>"."""

    STATUS = "st"
    PENDING = "pe"  # parents that are not final
    FIRED = "fi"  # edges that fired
    SEGMENT = "sg"
    CHILDREN = "ki"  # "id kind;…"
    MAX_ATTEMPTS = "mx"
    RESULT = "rs"
    COMMITTED_UNDER = "by"  # a fence
    PARTS = "pn"  # how many
    PART = "pt"  # "pt:<node>:<index>"
    REMADE = "rm"  # how often what it needs was made again
    FLIGHT = "fl"  # content key that it computes for everybody
    KNOWN = "kn"  # a result of the index that its worker was told
    UNSERVED = "un"  # what was said of it last
    ASKED = "as"  # what it asked a person
    DECIDED = "de"  # what the person decided

    def of(self, node: str) -> str:
        return f"{self.value}:{node}"


class SegmentField(StrEnum):
    """Of a job's hash, about a segment: "<name>:<segment>"."""

    NODES = "nodes"  # ids
    SPEC = "spec"
    NEEDS = "needs"  # ids of nodes of other segments
    OUTSIDE = "ext"  # edges from other segments whose parent is not final
    POOL = "pool"
    ATTEMPT = "at"
    SERVICES = "rq"  # that a worker must offer
    REFUNDED = "rf"  # attempts that did not count
    ASKING = "ap"  # its node that asks a person

    def of(self, segment: str) -> str:
        return f"{self.value}:{segment}"


class EventField(StrEnum):
    """Of an entry of a job's events, and of the outbox (which names the job and the event's id too)."""

    JOB = "j"
    ID = "i"
    TYPE = "t"
    NODE = "n"
    DATA = "d"
    AT = "a"


class EntryField(StrEnum):
    """Of an entry of a queue."""

    JOB = "j"
    SEGMENT = "s"


class HeldField(StrEnum):
    """Of the hash of what is held: "<name>:<pool or worker>"."""

    POOL = "pool"
    WORKER = "worker"

    def of(self, name: str) -> str:
        return f"{self.value}:{name}"
