"""What must hold of a graph whatever its services: unique ids, edges that end somewhere, no cycle."""

from __future__ import annotations

from collections import Counter
from difflib import get_close_matches

from schemas.errors import WorkbenchError
from schemas.graph import Graph


def topological_order(graph: Graph) -> list[str]:
    """Node ids, parents before children, ties in document order.

    Raises WorkbenchError: graph.duplicate_id, graph.dangling_edge, graph.cycle (naming the nodes on it).
    """
    ids = [node.id for node in graph.nodes]
    twice = [node_id for node_id, count in Counter(ids).items() if count > 1]
    if twice:
        raise WorkbenchError(
            "graph.duplicate_id",
            f"{len(twice)} node id(s) are used more than once",
            where="nodes",
            seen=twice[:10],
            remedy="Give each node an id of its own.",
        )
    known = set(ids)
    for index, edge in enumerate(graph.edges):
        for end, name in ((edge.from_, "from"), (edge.to, "to")):
            if end not in known:
                near = get_close_matches(end, ids, n=3)
                raise WorkbenchError(
                    "graph.dangling_edge",
                    f"an edge names a node that does not exist: {end}",
                    where=f"edges[{index}].{name}",
                    seen=end,
                    allowed=near or ids[:20],
                    remedy="Correct the id, or remove the edge.",
                )
    twin = next((pair for pair, count in Counter((e.from_, e.to) for e in graph.edges).items() if count > 1), None)
    if twin:
        raise WorkbenchError(
            "graph.dangling_edge",
            "two edges join the same two nodes",
            where="edges",
            seen=f"{twin[0]} -> {twin[1]} twice",
            allowed="one edge between two nodes",
            remedy="Remove one of the two.",
        )
    children = graph.children()
    pending = Counter(edge.to for edge in graph.edges)
    order = [node_id for node_id in ids if pending[node_id] == 0]
    for node_id in order:  # grows while it is walked
        for edge in children[node_id]:
            pending[edge.to] -= 1
            if pending[edge.to] == 0:
                order.append(edge.to)
    if len(order) < len(ids):
        cycle = _a_cycle(graph, set(order))
        raise WorkbenchError(
            "graph.cycle",
            "the edges form a cycle",
            where="edges",
            seen=" -> ".join([*cycle, cycle[0]]),
            remedy="Remove one of these edges: every node must be able to run after its parents.",
        )
    return order


def ancestors(graph: Graph, order: list[str]) -> dict[str, set[str]]:
    """All nodes that must be final before each node can run."""
    parents = graph.parents()
    found: dict[str, set[str]] = {}
    for node_id in order:
        found[node_id] = set()
        for edge in parents[node_id]:
            found[node_id] |= {edge.from_} | found[edge.from_]
    return found


def _a_cycle(graph: Graph, acyclic: set[str]) -> list[str]:
    parents = graph.parents()
    rest = [node.id for node in graph.nodes if node.id not in acyclic]
    walked: list[str] = []
    current = rest[0]
    while current not in walked:  # every node left over has a parent that is left over too
        walked.append(current)
        current = next(edge.from_ for edge in parents[current] if edge.from_ not in acyclic)
    return list(reversed(walked[walked.index(current) :]))
