"""A taken segment on its way through the executor: which nodes are open and since when they run."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
import structlog
from msgspec import Raw

from schemas.event import Progress
from schemas.graph import Node
from schemas.refs import Ref, read_ref, refs_in
from schemas.segment import SegmentSpec
from schemas.status import NodeStatus
from workbench.bus.answers import Taken
from workbench.engine.lease import LeasedSegment
from workbench.engine.messages import Run

log = structlog.get_logger()


@dataclass
class RunningSegment:
    """Used by the slot's thread alone; what it shares with the renewer is in ``leased``."""

    taken: Taken
    spec: SegmentSpec
    number: int  # of the run, unique within the slot
    leased: LeasedSegment
    parts: dict[str, list[Ref]]  # finished ones of long outputs
    open: set[str]
    parents: dict[str, set[str]]  # of each node, inside the segment
    started: dict[str, float] = field(default_factory=dict)  # node -> monotonic second
    moved_on: bool = False  # a node has ended: those behind it are on their first attempt

    @classmethod
    def begin(cls, taken: Taken, number: int, worker: str, alive: Callable[[], bool]) -> RunningSegment:
        """Raises ValueError where the segment was written by another version of the workbench."""
        spec = SegmentSpec.model_validate_json(taken.spec)
        final = {name: status for name, status in taken.status.items() if NodeStatus(status).final}
        parents: dict[str, set[str]] = {node.id: set() for node in spec.nodes}
        for edge in spec.edges:
            if edge.from_ in parents:
                parents[edge.to].add(edge.from_)
        leased = LeasedSegment(
            taken.lease,
            worker,
            alive,
            ends={name: (status, taken.results.get(name, b"{}")) for name, status in final.items()},
            progress={name: Progress(node=name, parts=len(parts)) for name, parts in taken.parts.items()},
        )
        parts = {name: [_ref(part) for part in finished] for name, finished in taken.parts.items()}
        segment = cls(taken, spec, number, leased, parts, {name for name in parents if name not in final}, parents)
        segment.note_started()
        return segment

    @property
    def log(self) -> Any:
        """The log, with what names the segment."""
        lease = self.leased.lease
        return log.bind(worker=self.leased.worker, job=lease.job, segment=lease.segment, fence=lease.fence)

    @property
    def chain(self) -> bool:
        """Whether each node has the one before it as its only parent inside the segment."""
        return [set(), *({node} for node in list(self.parents)[:-1])] == list(self.parents.values())

    @property
    def attempt(self) -> int:
        """Of the node that runs."""
        return 1 if self.moved_on else self.taken.attempt

    def node(self, name: str) -> Node:
        return next(node for node in self.spec.nodes if node.id == name)

    def command(self) -> Run:
        """What the executor is told."""
        return Run(
            run=self.number,
            worker=self.leased.worker,
            attempt=self.taken.attempt,
            spec=Raw(self.taken.spec),
            status={name: NodeStatus(status) for name, status in self.taken.status.items()},
            outputs=self.leased.outputs(),
            parts=self.parts,
        )

    def note_started(self) -> None:
        """In a chain a node starts when the one before it has ended: the executor need not say so.

        Elsewhere it says so: LangGraph goes level by level, and a node's time must not run while a neighbour of its
        parents keeps it waiting.
        """
        if self.chain:
            for node in self.open - self.started.keys():
                if not self.parents[node] & self.open:
                    self.started[node] = time.monotonic()

    def overdue(self) -> str | None:
        """A node that runs for longer than it may."""
        now = time.monotonic()
        late = (node for node, since in self.started.items() if now - since > self.timeout_s(node))
        return next(late, None)

    def timeout_s(self, node: str) -> float:
        return self.spec.duties[node].timeout_s

    def forgive(self, seconds: float) -> None:
        """So long the worker was at the store or the bus: that is not the time of the nodes that run."""
        for node in self.started:
            self.started[node] += seconds

    def settle(self, node: str) -> None:
        """A node is final."""
        self.open.discard(node)
        self.moved_on = True
        self.leased.claims.pop(node, None)
        self.started.pop(node, None)
        self.note_started()

    def makers_of(self, ref: Ref, reader: str) -> list[str]:
        """Nodes that are known to have made the bytes; the reader itself where they are a part of its own."""
        name = ref.sha256.encode()
        found = [
            node
            for node, (status, body) in self.leased.ends.items()
            if status == NodeStatus.COMPLETED and name in body and _names(body, ref)
        ]
        return [*found, *([reader] if any(name in part for part in self.taken.parts.get(reader, [])) else [])]


def _ref(part: bytes) -> Ref:
    ref = read_ref(orjson.loads(part))
    if ref is None:
        raise ValueError(f"not a reference to an artifact: {part!r}")
    return ref


def _names(body: bytes, ref: Ref) -> bool:
    return any(made.sha256 == ref.sha256 for made in refs_in(orjson.loads(body)["output"]))
