"""A taken segment on its way through the executor: what is open, since when, and what is still to be uploaded."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import orjson
import structlog

from schemas.event import Progress
from schemas.refs import Ref, refs_in
from schemas.status import FINAL_NODE_STATUSES, NodeStatus
from workbench.bus.answers import Taken
from workbench.engine.active import Active

log = structlog.get_logger()
_FINAL = {status.value for status in FINAL_NODE_STATUSES}


@dataclass
class Work:
    """One taken segment on its way through the executor."""

    taken: Taken
    number: int
    active: Active
    timeouts_s: dict[str, float]
    nodes: dict[str, dict[str, Any]]  # by id, as the spec has them
    open: set[str]
    parents: dict[str, set[str]]  # of each node, inside the segment
    started: dict[str, float] = field(default_factory=dict)  # node -> monotonic second
    uploads: list[Ref] = field(default_factory=list)
    locks: dict[str, ExitStack] = field(default_factory=dict)  # by digest: their copies in the cache, until then
    kept: dict[str, Ref] = field(default_factory=dict)  # by digest: what was put into the store
    round: str = ""  # of removing bytes, before the first of them was put there
    ended: bool = False  # the executor has let go
    held: bool = False  # the executor was told to start no further node
    moved_on: bool = False  # a node has ended: those behind it are on their first attempt

    @classmethod
    def begin(cls, taken: Taken, spec: dict[str, Any], number: int, worker: str, alive: Callable[[], bool]) -> Work:
        """The work of a segment that was just taken.

        Args:
            spec: the segment's spec, decoded.
            number: of this run, unique within the slot.
            alive: whether the executor's process lives.
        """
        ends = {
            name: (status, taken.results.get(name, b"{}")) for name, status in taken.status.items() if status in _FINAL
        }
        earlier = {name: Progress(node=name, parts=len(parts)) for name, parts in taken.parts.items()}
        nodes = {node["id"]: node for node in spec["nodes"]}
        parents: dict[str, set[str]] = {name: set() for name in nodes}
        for edge in spec["edges"]:
            if edge["from"] in nodes:
                parents[edge["to"]].add(edge["from"])
        work = cls(
            taken=taken,
            number=number,
            active=Active(taken.lease, worker, alive, ends=ends, progress=earlier),
            timeouts_s={name: duty["timeoutS"] for name, duty in spec["duties"].items()},
            nodes=nodes,
            open={name for name in nodes if taken.status[name] not in _FINAL},
            parents=parents,
        )
        work.note_started()
        return work

    def unlock(self) -> None:
        """Let go of the copies in the cache that were not uploaded."""
        while self.locks:
            self.locks.popitem()[1].close()

    def note_started(self) -> None:
        """In a chain a node starts when the one before it has ended: the executor need not say so.

        Elsewhere it says so: LangGraph goes level by level, and a node's time must not run while a neighbour of its
        parents keeps it waiting.
        """
        if self.chain:
            for node in self.open - self.started.keys():
                if not self.parents[node] & self.open:
                    self.started[node] = time.monotonic()

    @property
    def chain(self) -> bool:
        """Whether each node has the one before it as its only parent inside the segment."""
        return [set(), *({node} for node in list(self.nodes)[:-1])] == list(self.parents.values())

    def forgive(self, seconds: float) -> None:
        """So long the worker was at the store or the bus: that is not the time of the nodes that run."""
        for node in self.started:
            self.started[node] += seconds

    @property
    def attempt(self) -> int:
        """Of the node that runs."""
        return 1 if self.moved_on else self.taken.attempt

    def makers_of(self, ref: Ref, reader: str) -> list[str]:
        """Nodes that are known to have made the bytes; the reader itself where they are a part of its own."""
        name = ref.sha256.encode()
        found = [
            node
            for node, (status, body) in self.active.ends.items()
            if status == NodeStatus.COMPLETED and name in body and _names(body, ref)
        ]
        return [*found, *([reader] if any(name in part for part in self.taken.parts.get(reader, [])) else [])]

    def settle(self, node: str) -> None:
        """A node is final."""
        self.open.discard(node)
        self.moved_on = True
        self.active.claims.pop(node, None)
        self.started.pop(node, None)
        self.note_started()


def _names(body: bytes, ref: Ref) -> bool:
    return any(made.sha256 == ref.sha256 for made in refs_in(orjson.loads(body)["output"]))


def log_of(work: Work) -> Any:
    """The log, with what names the segment."""
    lease = work.active.lease
    return log.bind(worker=work.active.worker, job=lease.job, segment=lease.segment, fence=lease.fence)


def start_of(active: Active) -> bytes:
    """What the bus keeps of a node that starts."""
    return orjson.dumps({"worker": active.worker})
