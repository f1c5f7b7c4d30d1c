"""Graphs of probe services, written by hand or generated at random."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

from nodes.registry import services
from schemas.graph import Graph
from schemas.status import EdgeKind, NodeStatus
from tests.engine import probe_nodes as probe_nodes  # declares the probe services
from workbench.engine.edges import gate
from workbench.engine.validate import Checked, validate

PROBES = ("probe.control", "probe.data", "probe.elsewhere")


def document(
    nodes: Mapping[str, str | dict[str, Any]], edges: Sequence[tuple[str, ...]] = (), **fields: Any
) -> dict[str, Any]:
    """A graph document: ``{"a": "probe.data"}`` or ``{"a": {"service": …, "params": …}}``, edges (from, to[, kind])."""
    return {
        "schema": "langgraph.v1",
        "nodes": [
            {"id": node_id, **({"service": node} if isinstance(node, str) else node)} for node_id, node in nodes.items()
        ],
        "edges": [{"from": e[0], "to": e[1], **({"kind": e[2]} if len(e) > 2 else {})} for e in edges],
        **fields,
    }


def checked(raw: dict[str, Any]) -> Checked:
    return validate(Graph.model_validate(raw), services(), lambda declaration: declaration.identity)


@st.composite
def random_documents(draw: st.DrawFn, max_nodes: int = 10, kinds: bool = True) -> dict[str, Any]:
    """Acyclic graphs over both planes and two data pools, with edges of every kind."""
    count = draw(st.integers(1, max_nodes))
    names = [f"n{index}" for index in range(count)]
    nodes: dict[str, dict[str, Any]] = {}
    edges: list[tuple[str, ...]] = []
    for index, name in enumerate(names):
        # An explicit null input: with several parents the text of one of them would be ambiguous.
        nodes[name] = {
            "service": draw(st.sampled_from(PROBES)),
            "input": {"text": None},
            "retries": {"maxAttempts": 20},
        }
        parents = draw(st.sets(st.integers(0, index - 1), max_size=3)) if index else set()
        for parent in sorted(parents):
            kind = draw(st.sampled_from(EdgeKind)) if kinds else EdgeKind.NORMAL
            edges.append((names[parent], name, kind.value))
    raw = document(nodes, edges)
    raw["nodes"] = draw(st.permutations(raw["nodes"]))  # document order is not topological order
    return raw


def expected(
    graph: Graph, order: Sequence[str], outcomes: Mapping[str, bool], known: set[str]
) -> dict[str, NodeStatus]:
    """Apply the edge semantics in plain Python and return the final status of every node.

    Args:
        outcomes: whether a node completes if it runs.
        known: nodes that were completed before the job started.
    """
    parents = graph.parents()
    status: dict[str, NodeStatus] = {}
    for node_id in order:
        incoming = parents[node_id]
        if node_id in known:
            status[node_id] = NodeStatus.COMPLETED
        elif gate(incoming, status).skips:
            status[node_id] = NodeStatus.SKIPPED
        else:
            status[node_id] = NodeStatus.COMPLETED if outcomes[node_id] else NodeStatus.FAILED
    return status


def first_unhandled(graph: Graph, status: Mapping[str, NodeStatus]) -> set[str]:
    """Nodes whose failure no edge handles: a job with one of them fails."""
    handled = {edge.from_ for edge in graph.edges if edge.kind is EdgeKind.ON_FAILURE}
    return {node_id for node_id, value in status.items() if value is NodeStatus.FAILED and node_id not in handled}
