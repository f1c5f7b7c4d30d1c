"""Estimates the remaining time of a job from past durations of its services and from reported progress."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from schemas.event import Event, EventType, NodeResult, Progress
from schemas.graph import Graph
from schemas.job import NodeRecord
from workbench.engine.structure import topological_order

_FINAL = {EventType.NODE_COMPLETED, EventType.NODE_FAILED, EventType.NODE_SKIPPED, EventType.NODE_CANCELLED}


@dataclass
class Estimate:
    """Expected seconds by node. Nodes on the longest path run one after the other, so their sum is the total."""

    expected_s: dict[str, float]
    parents: dict[str, list[str]]  # in topological order
    known: bool  # whether any expectation comes from a past run or from progress
    done: dict[str, float] = field(default_factory=dict)  # fraction by node
    started: dict[str, float] = field(default_factory=dict)
    measured: set[str] = field(default_factory=set)  # nodes whose own progress or end says how long they take
    known_left_s: dict[str, float] = field(default_factory=dict)  # at least; of nodes whose input is not complete

    @classmethod
    def of(cls, graph: Graph, typical_s: dict[str, float]) -> Estimate:
        """``typical_s`` is by service. Services that never ran are estimated from their progress weight."""
        by_node = {node.id: typical_s[node.service] for node in graph.nodes if node.service in typical_s}
        return cls.by_node(graph, by_node)

    @classmethod
    def by_node(cls, graph: Graph, typical_s: dict[str, float]) -> Estimate:
        """``typical_s`` is by node. Other nodes are estimated as in ``of``."""
        weights = graph.progress_weights()
        per_weight = [seconds / weights[node] for node, seconds in typical_s.items() if weights[node]]
        scale = sorted(per_weight)[len(per_weight) // 2] if per_weight else 20.0
        expected = {node.id: typical_s.get(node.id, weights[node.id] * scale) for node in graph.nodes}
        edges = graph.parents()
        parents = {node: [edge.from_ for edge in edges[node]] for node in topological_order(graph)}
        return cls(expected, parents, known=bool(per_weight))

    def expect(self, seconds: Mapping[str, float]) -> None:
        """Apply new expectations by node, because more is known of the job; what a node itself showed stays."""
        self.expected_s |= {node: value for node, value in seconds.items() if node not in self.measured}

    def take(self, nodes: Iterable[NodeRecord], now: float) -> None:
        """Apply what nodes have done before the first event.

        Args:
            now: UTC, seconds since 1970.
        """
        for node in nodes:
            if node.status.final:
                self.done[node.id] = 1.0
                self.measured.add(node.id)
                self.expected_s[node.id] = node.seconds or 0.01
            elif node.in_progress and node.started_at is not None:
                began = min(node.started_at, node.first_part_at or node.started_at)  # it may have paused since
                self.started[node.id] = time.monotonic() - max(0.0, now - began)

    def see(self, event: Event, ago_s: float = 0.0) -> None:
        """Apply an event that happened ``ago_s`` seconds ago."""
        if event.type is EventType.NODE_RUNNING:
            self.started[event.node] = time.monotonic() - ago_s
            self.done.pop(event.node, None)  # of an earlier attempt
            self.measured.discard(event.node)
            self.known_left_s.pop(event.node, None)
        elif event.type is EventType.NODE_LOST:
            self.started.pop(event.node, None)
            self.done.pop(event.node, None)
        elif event.type in _FINAL:
            self.done[event.node] = 1.0
            self.measured.add(event.node)
            if event.type is EventType.NODE_COMPLETED:
                self.expected_s[event.node] = NodeResult.model_validate(event.data).seconds or 0.01

    def progress(self, progress: Progress) -> None:
        """Apply the progress of a running node, which corrects the node's expected duration."""
        if self.done.get(progress.node) == 1.0 or progress.node not in self.started:
            return
        self.done[progress.node] = min(0.99, progress.fraction)
        ran = time.monotonic() - self.started[progress.node]
        if progress.fraction > 0.1:
            self.expected_s[progress.node] = ran / progress.fraction
            self.measured.add(progress.node)
            self.known = True

    def known_work(self, progress: Progress) -> None:
        """Apply the progress of a node whose input is not complete: it only says that the known rest is to be done."""
        if progress.done > 0 and progress.node in self.started:
            ran = time.monotonic() - self.started[progress.node]
            self.known_left_s[progress.node] = ran * max(0.0, progress.total - progress.done) / progress.done

    def seconds_left(self) -> float | None:
        """Seconds along the longest path; None without any past run or progress."""
        if not self.known:
            return None
        left: dict[str, float] = {}

        for node, parents in self.parents.items():
            before = max((left[parent] for parent in parents), default=0.0)
            if node in self.started and before > 0.0:  # it takes its input in parts, so they run at the same time
                left[node] = max(self._left_s(node), before)
            else:
                left[node] = self._left_s(node) + before
        return max(left.values(), default=0.0)

    def node_seconds_left(self, node: str) -> float | None:
        """Seconds until a running node ends; None if it does not run or nothing can be estimated."""
        if not self.known or node not in self.started or self.done.get(node) == 1.0:
            return None
        return self._left_s(node)

    def _left_s(self, node: str) -> float:
        if self.done.get(node) == 1.0:
            return 0.0
        rest = self.expected_s[node] * (1.0 - self._share(node))
        return rest if node in self.measured else max(rest, self.known_left_s.get(node, 0.0))

    def _share(self, node: str) -> float:
        if node in self.done:
            return self.done[node]
        if node in self.started:
            return min(0.9, (time.monotonic() - self.started[node]) / max(0.1, self.expected_s[node]))
        return 0.0
