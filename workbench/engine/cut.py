"""Cuts a graph into segments. An executor runs a segment as one LangGraph under one lease."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from schemas.graph import Edge, Graph
from schemas.status import NodeStatus, Plane
from workbench.engine.structure import ancestors

CONTROL_POOL = "control"


@dataclass
class Segment:
    """Node ids in topological order, and the worker pool that runs them."""

    index: int
    pool: str
    nodes: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        return str(self.index)


def pool_name(plane: Plane, pool: str) -> str:
    """The name of a pool's queues on the bus."""
    return CONTROL_POOL if plane is Plane.CONTROL else f"data.{pool}"


def cut(
    graph: Graph,
    order: list[str],
    pools: dict[str, str],
    asking: Collection[str] = (),
    in_parts: Mapping[str, Collection[str]] = MappingProxyType({}),
) -> list[Segment]:
    """The segments, in the order in which they can first start.

    Args:
        order: topological order of all nodes.
        pools: bus pool by node id (``pool_name``).
        asking: control nodes that wait for a person.
        in_parts: nodes that take outputs in parts, with the nodes that make those.

    Control nodes that wait for a person or take an input in parts get their own segment. The others form connected sets
    with the same ancestors on the data plane and among the nodes with their own segment.
    Such a set is convex (a path that leaves it through one of those ends in a larger set), so it can start as soon as
    all its outside parents are final. Data: a chain of normal edges in one pool, whose other parents are all final
    before its first node starts. A node that takes an input in parts starts before its producer is final, so it begins
    a segment, and nodes after it that need that producer's whole output begin another. Branches are separate segments,
    so that they run on different workers at once, without a barrier between levels.
    """
    plane = {node.id: node.plane for node in graph.nodes}
    alone = {*asking, *(node_id for node_id in in_parts if plane[node_id] is Plane.CONTROL)}
    before = {node_id: found.bits for node_id, found in ancestors(graph, order).items()}
    parents, children = graph.parents(), graph.children()
    position = {node_id: index for index, node_id in enumerate(order)}
    apart = sum(1 << position[other] for other in order if plane[other] is Plane.DATA or other in alone)
    apart_before = {node_id: before[node_id] & apart for node_id in order}
    final_before = _final_before(order, before, position, parents, in_parts)
    joins = {node_id for node_id in order if plane[node_id] is Plane.CONTROL and node_id not in alone}
    segments: list[Segment] = []
    of: dict[str, Segment] = {}

    def start(node_id: str) -> Segment:
        segment = Segment(len(segments), pools[node_id])
        segments.append(segment)
        return segment

    for node_id in order:
        if node_id in of:
            continue
        segment = start(node_id)
        if node_id in alone:
            segment.nodes = [node_id]
        elif plane[node_id] is Plane.CONTROL:
            members = _connected(node_id, joins, apart_before, parents, children)
            segment.nodes = sorted(members, key=position.__getitem__)
        else:
            segment.nodes = _chain(node_id, of, pools, before, final_before[node_id], position, children, in_parts)
        of |= dict.fromkeys(segment.nodes, segment)
    return segments


def _connected(
    start: str,
    joins: set[str],
    apart_before: dict[str, int],
    parents: dict[str, list[Edge]],
    children: dict[str, list[Edge]],
) -> set[str]:
    found, todo = {start}, [start]
    while todo:
        node_id = todo.pop()
        near = [edge.from_ for edge in parents[node_id]] + [edge.to for edge in children[node_id]]
        for other in near:
            same = other in joins and apart_before[other] == apart_before[start]
            if same and other not in found:
                found.add(other)
                todo.append(other)
    return found


def _final_before(
    order: list[str],
    before: dict[str, int],
    position: dict[str, int],
    parents: dict[str, list[Edge]],
    in_parts: Mapping[str, Collection[str]],
) -> dict[str, int]:
    """By node id, as bits: the nodes that are final when it starts. Without inputs in parts, all its ancestors."""
    if not in_parts:
        return before
    found: dict[str, int] = {}
    for node_id in order:
        found[node_id] = 0
        for edge in parents[node_id]:
            running = edge.from_ in in_parts.get(node_id, ())  # when it starts; a node ends after its producers
            found[node_id] |= found[edge.from_] if running else before[edge.from_] | 1 << position[edge.from_]
    return found


def _chain(
    head: str,
    of: dict[str, Segment],
    pools: dict[str, str],
    before: dict[str, int],
    settled: int,
    position: dict[str, int],
    children: dict[str, list[Edge]],
    in_parts: Mapping[str, Collection[str]],
) -> list[str]:
    """The head and the nodes that follow it.

    Args:
        before: ancestors by node id, as the bits of ``structure.Ancestors``.
        settled: the nodes that are final when the head starts.
        position: of each node in the topological order, which is its bit.
    """
    chain = [head]
    settled |= 1 << position[head]
    while True:
        following = next(
            (
                edge.to
                for edge in children[chain[-1]]
                if edge.kind.fires(NodeStatus.COMPLETED)
                and edge.to not in of
                and edge.to not in in_parts
                and pools[edge.to] == pools[head]
                and not before[edge.to] & ~settled
            ),
            None,
        )
        if following is None:
            return chain
        chain.append(following)
        settled |= 1 << position[following]
