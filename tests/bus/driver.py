"""A worker without an executor: it takes segments and commits or fails their nodes in order, as a test requests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

from schemas.errors import ErrorInfo
from schemas.event import NodeFailure, NodeResult
from schemas.graph import Graph
from schemas.segment import SegmentSpec
from schemas.status import NodeStatus
from tests.engine.graphs import checked
from workbench.bus.bus import Bus
from workbench.bus.fields import JobField, NodeField
from workbench.bus.job_plan import JobPlan
from workbench.bus.results import Taken, Verdict
from workbench.engine.edges import gate
from workbench.engine.plan import plan
from workbench.engine.validate import Checked

POOLS = ("control", "data.cpu", "data.elsewhere")


def result_of(node: str) -> bytes:
    return NodeResult(output={"text": node, "file": None}).to_json()


def failure_of(node: str) -> bytes:
    return NodeFailure(error=ErrorInfo(message=f"{node} failed on purpose")).to_json()


def planned(job: str, raw: dict[str, object] | Checked, known: set[str] | None = None) -> JobPlan:
    """The job plan for a document or checked graph; ``known`` nodes are already completed."""
    graph = raw if isinstance(raw, Checked) else checked(raw)
    results = {node: NodeResult(output={"text": node, "file": None}, cached=True) for node in known or ()}
    return plan(job, graph, seed=0, results=results)


@dataclass
class Hand:
    """A segment that a worker holds."""

    taken: Taken
    spec: SegmentSpec
    status: dict[str, NodeStatus]

    @classmethod
    def of(cls, taken: Taken) -> Hand:
        spec = SegmentSpec.model_validate(orjson.loads(taken.spec))
        return cls(taken, spec, {name: NodeStatus(value) for name, value in taken.status.items()})

    def next_node(self) -> str | None:
        """The next node to run; unreachable nodes are skipped, as in an executor."""
        for node in self.spec.nodes:
            if self.status[node.id].final:
                continue
            incoming = [edge for edge in self.spec.edges if edge.to == node.id]
            running = {source[1:].partition(".")[0] for source in self.spec.duties[node.id].in_parts.values()}
            assert all(self.status[edge.from_].final or edge.from_ in running for edge in incoming), (
                "a node ran before its parents"
            )
            if not gate(incoming, self.status).skips:
                return node.id
            self.status[node.id] = NodeStatus.SKIPPED
        return None


@dataclass
class Driver:
    """Runs a job to its end with the real scripts.

    Attributes:
        outcomes: whether a node completes after it has failed ``transient`` times.
        executed: how often each node finished.
    """

    bus: Bus
    outcomes: dict[str, bool] = field(default_factory=dict)
    transient: dict[str, int] = field(default_factory=dict)
    executed: dict[str, int] = field(default_factory=dict)
    known: dict[str, str] = field(default_factory=dict)

    def take(self, worker: str, pool: str) -> Hand | None:
        taken = self.bus.take(worker, self.known.get(worker, ""), pool, block=False)
        if taken is None:
            return None
        self.known[worker] = taken.lease.fence
        return Hand.of(taken)

    def take_any(self, worker: str) -> Hand | None:
        return next((hand for pool in POOLS if (hand := self.take(worker, pool))), None)

    def step(self, hand: Hand) -> bool:
        """Run one node; False when the worker is done with the segment."""
        node = hand.next_node()
        if node is None:
            return False
        lease = hand.taken.lease
        if self.transient.get(node, 0) > 0:
            self.transient[node] -= 1
            assert self.bus.fail(lease, node, failure_of(node), retry=True) is Verdict.RETRY
            return False
        self.executed[node] = self.executed.get(node, 0) + 1
        if self.outcomes.get(node, True):
            verdict, _ = self.bus.commit(lease, node, result_of(node))
            assert verdict is Verdict.OK
            hand.status[node] = NodeStatus.COMPLETED
        else:
            assert self.bus.fail(lease, node, failure_of(node), retry=False) is Verdict.FINAL
            hand.status[node] = NodeStatus.FAILED
        return hand.next_node() is not None

    def finish(self, worker: str = "w") -> None:
        """Take and run segments until the queues are empty."""
        while hand := self.take_any(worker):
            while self.step(hand):
                pass


def statuses(bus: Bus, job: str, graph: Graph) -> dict[str, NodeStatus]:
    """The status of every node on the bus."""
    names = [node.id for node in graph.nodes]
    values: Any = bus.client.hmget(bus.keys.job(job), [NodeField.STATUS.of(name) for name in names])
    return {name: NodeStatus(value.decode()) for name, value in zip(names, values, strict=True)}


def job_status(bus: Bus, job: str) -> str:
    status: Any = bus.client.hget(bus.keys.job(job), JobField.STATUS.value)
    return str(status.decode())
