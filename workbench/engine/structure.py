"""Checks the structure of a graph, independent of its services: unique ids, existing nodes in edges, no cycle."""

from __future__ import annotations

from collections import Counter
from difflib import get_close_matches
from graphlib import CycleError, TopologicalSorter

from schemas.errors import WorkbenchError
from schemas.graph import Graph


def topological_order(graph: Graph) -> list[str]:
    """Node ids, parents before children, ties in document order.

    Raises WorkbenchError: graph.duplicate_id, graph.dangling_edge, graph.cycle (with its nodes).
    """
    ids = [node.id for node in graph.nodes]
    twice = [node_id for node_id, count in Counter(ids).items() if count > 1]
    if twice:
        raise WorkbenchError(
            "graph.duplicate_id",
            f"{len(twice)} node id(s) are used more than once",
            where="nodes",
            seen=twice[:10],
            remedy="Give each node a unique id.",
        )
    known = set(ids)
    for index, edge in enumerate(graph.edges):
        for end, name in ((edge.from_, "from"), (edge.to, "to")):
            if end not in known:
                near = get_close_matches(end, ids, n=3)
                raise WorkbenchError(
                    "graph.dangling_edge",
                    f"an edge refers to a node that does not exist: {end}",
                    where=f"edges[{index}].{name}",
                    seen=end,
                    allowed=near or ids[:20],
                    remedy="Correct the id or remove the edge.",
                )
    twin = next((pair for pair, count in Counter((e.from_, e.to) for e in graph.edges).items() if count > 1), None)
    if twin:
        raise WorkbenchError(
            "graph.dangling_edge",
            "two edges connect the same two nodes",
            where="edges",
            seen=f"{twin[0]} -> {twin[1]} twice",
            allowed="one edge between two nodes",
            remedy="Remove one of the two.",
        )
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for node_id in ids:
        sorter.add(node_id)
    for edge in graph.edges:
        sorter.add(edge.to, edge.from_)
    try:
        return list(sorter.static_order())
    except CycleError as error:
        raise WorkbenchError(
            "graph.cycle",
            "the edges form a cycle",
            where="edges",
            seen=" -> ".join(error.args[1]),
            remedy="Remove one of these edges, so that every node can run after its parents.",
        ) from None


def ancestors(graph: Graph, order: list[str]) -> dict[str, set[str]]:
    """For each node, all nodes that must be final before it can run."""
    parents = graph.parents()
    found: dict[str, set[str]] = {}
    for node_id in order:
        found[node_id] = set()
        for edge in parents[node_id]:
            found[node_id] |= {edge.from_} | found[edge.from_]
    return found
