"""A taken segment while an executor runs it: the open nodes and their start times."""

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
from schemas.refs import Ref, refs_in
from schemas.segment import SegmentSpec
from schemas.status import NodeStatus
from workbench.bus.results import Taken
from workbench.engine.lease import LeasedSegment
from workbench.engine.messages import Run

log = structlog.get_logger()


@dataclass
class RunningSegment:
    """Used by the slot's thread only; ``leased`` is shared with the renewer."""

    taken: Taken
    spec: SegmentSpec
    number: int  # number of the run, unique within the slot
    leased: LeasedSegment
    open: set[str]
    parents: dict[str, set[str]]  # parents of each node inside the segment
    started: dict[str, float] = field(default_factory=dict)  # node -> monotonic second
    received: dict[str, list[bytes]] = field(default_factory=dict)  # producer -> parts that a node here has taken
    advanced: bool = False  # a node has ended, so later nodes are on their first attempt

    @classmethod
    def begin(cls, taken: Taken, number: int, worker: str, alive: Callable[[], bool]) -> RunningSegment:
        """Raises ValueError if another version of the workbench wrote the segment."""
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
            parts={name: list(parts) for name, parts in taken.parts.items()},
        )
        segment = cls(taken, spec, number, leased, {name for name in parents if name not in final}, parents)
        segment.note_started()
        return segment

    @property
    def log(self) -> Any:
        """The log, bound to the segment."""
        lease = self.leased.lease
        return log.bind(worker=self.leased.worker, job=lease.job, segment=lease.segment, fence=lease.fence)

    @property
    def chain(self) -> bool:
        """Whether each node has the one before it as its only parent inside the segment."""
        return [set(), *({node} for node in list(self.parents)[:-1])] == list(self.parents.values())

    @property
    def attempt(self) -> int:
        """The attempt of the running node."""
        return 1 if self.advanced else self.taken.attempt

    def node(self, name: str) -> Node:
        return next(node for node in self.spec.nodes if node.id == name)

    def command(self) -> Run:
        """The command for the executor."""
        return Run(
            run=self.number,
            worker=self.leased.worker,
            attempt=self.taken.attempt,
            spec=Raw(self.taken.spec),
            status={name: NodeStatus(status) for name, status in self.taken.status.items()},
            outputs=self.leased.outputs(),
            parts={name: [Raw(part) for part in parts] for name, parts in self.taken.parts.items()},
        )

    def note_started(self) -> None:
        """Note the start of nodes. In a chain a node starts when the previous one has ended, without a message.

        In other segments the executor reports it: LangGraph executes level by level, and a node's time must not start
        while it waits for a neighbour of its parents.
        """
        if self.chain:
            for node in self.open - self.started.keys():
                if not self.parents[node] & self.open:
                    self.started[node] = time.monotonic()

    def overdue(self) -> str | None:
        """A node that has exceeded its timeout, if any."""
        now = time.monotonic()
        late = (node for node, since in self.started.items() if now - since > self.timeout_s(node))
        return next(late, None)

    def timeout_s(self, node: str) -> float:
        return self.spec.duties[node].timeout_s

    def extend(self, seconds: float) -> None:
        """Exclude a time that the worker spent on calls to the store or the bus from the timeouts of running nodes."""
        for node in self.started:
            self.started[node] += seconds

    def settle(self, node: str) -> None:
        """Note that a node is final."""
        self.open.discard(node)
        self.advanced = True
        self.leased.claims.pop(node, None)
        self.started.pop(node, None)
        self.note_started()

    def makers_of(self, ref: Ref, reader: str) -> list[str]:
        """The nodes that made the bytes, as far as known; the reader itself if they belong to one of its own parts."""
        name = ref.sha256.encode()
        found = [
            node
            for node, (status, body) in self.leased.ends.items()
            if status == NodeStatus.COMPLETED and name in body and _names(body, ref)
        ]
        parts = {**self.received, reader: self.taken.parts.get(reader, [])}
        return [*found, *(node for node, its in parts.items() if node not in found and any(name in one for one in its))]


def _names(body: bytes, ref: Ref) -> bool:
    return any(made.sha256 == ref.sha256 for made in refs_in(orjson.loads(body)["output"]))
