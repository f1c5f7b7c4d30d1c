"""Ids, edges, cycles."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import WorkbenchError
from schemas.graph import Graph
from tests.engine.graphs import document, random_documents
from workbench.engine.structure import ancestors, topological_order


def graph(*edges: tuple[str, ...], nodes: str = "abcd") -> Graph:
    return Graph.model_validate(document(dict.fromkeys(nodes, "probe.data"), edges))


def refusal(broken: Graph) -> WorkbenchError:
    with pytest.raises(WorkbenchError) as refused:
        topological_order(broken)
    return refused.value


def test_parents_come_first_and_ties_keep_document_order() -> None:
    assert topological_order(graph(("c", "a"))) == ["b", "c", "d", "a"]


@settings(max_examples=100, deadline=None)
@given(raw=random_documents())
def test_every_edge_points_forward(raw: dict[str, Any]) -> None:
    one = Graph.model_validate(raw)
    order = topological_order(one)
    assert sorted(order) == sorted(node.id for node in one.nodes)
    place = {node_id: index for index, node_id in enumerate(order)}
    assert all(place[edge.from_] < place[edge.to] for edge in one.edges)
    before = ancestors(one, order)
    for edge in one.edges:
        assert before[edge.to] >= before[edge.from_] | {edge.from_}


@settings(max_examples=100, deadline=None)
@given(raw=random_documents(), data=st.data())
def test_a_cycle_is_named_by_its_edges(raw: dict[str, Any], data: st.DataObject) -> None:
    one = Graph.model_validate(raw)
    before = ancestors(one, topological_order(one))
    pairs = sorted((above, below) for below, found in before.items() for above in found)
    if not pairs:
        return
    above, below = data.draw(st.sampled_from(pairs))
    raw["edges"].append({"from": below, "to": above})
    broken = Graph.model_validate(raw)
    error = refusal(broken)
    assert error.code == "graph.cycle"
    walk = str(error.seen).split(" -> ")
    present = {(edge.from_, edge.to) for edge in broken.edges}
    assert walk[0] == walk[-1] and len(walk) > 1
    assert all(pair in present for pair in itertools.pairwise(walk))


def test_a_node_that_depends_on_itself_is_refused() -> None:
    assert str(refusal(graph(("a", "a"))).seen) == "a -> a"


def test_duplicates_and_dangling_edges_are_refused() -> None:
    raw = document({"a": "probe.data"})
    raw["nodes"] *= 2
    error = refusal(Graph.model_validate(raw))
    assert (error.code, error.seen) == ("graph.duplicate_id", ["a"])
    error = refusal(graph(("a", "bb"), nodes="ab"))
    assert (error.code, error.where, error.seen) == ("graph.dangling_edge", "edges[0].to", "bb")
    assert error.allowed == ["b"]
    error = refusal(graph(("a", "b"), ("a", "b", "on_failure")))
    assert error.code == "graph.dangling_edge" and error.seen == "a -> b twice"
