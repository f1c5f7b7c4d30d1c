"""Segments: every node is in exactly one, each can start, and none wait for each other in a cycle."""

from __future__ import annotations

import itertools
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.status import EdgeKind, Plane
from tests.engine.graphs import checked, document, random_documents
from workbench.engine.cut import Segment, cut, pool_name
from workbench.engine.structure import ancestors
from workbench.engine.validate import Checked


def segments_of(graph: Checked, alone: set[str] | None = None) -> list[Segment]:
    pools = {node: pool_name(d.plane, d.pool) for node, d in graph.declarations.items()}
    return cut(graph.graph, graph.order, pools, alone or set())


@settings(max_examples=300, deadline=None)
@given(raw=random_documents(max_nodes=14), chance=st.randoms())
def test_any_graph_is_cut_into_runnable_segments(raw: dict[str, Any], chance: random.Random) -> None:
    graph = checked(raw)
    control = [node.id for node in graph.graph.nodes if node.plane is Plane.CONTROL]
    alone = set(chance.sample(control, chance.randrange(len(control) + 1) // 2))
    segments = segments_of(graph, alone)
    parents, before = graph.graph.parents(), ancestors(graph.graph, graph.order)
    plane = {node.id: node.plane for node in graph.graph.nodes}
    assert sorted(node for segment in segments for node in segment.nodes) == sorted(graph.order)
    assert [segment.id for segment in segments] == [str(index) for index in range(len(segments))]
    for segment in segments:
        members = set(segment.nodes)
        assert segment.nodes == [node for node in graph.order if node in members], "in topological order"
        assert {pool_name(graph.declarations[n].plane, graph.declarations[n].pool) for n in members} == {segment.pool}
        outside = {edge.from_ for node in members for edge in parents[node]} - members
        assert not any(members & before[node] for node in outside), "a path leaves the segment and returns"
        if members & alone:
            assert len(members) == 1
        elif plane[segment.nodes[0]] is Plane.CONTROL:
            above = [{n for n in before[node] if plane[n] is Plane.DATA or n in alone} for node in members]
            assert all(found == above[0] for found in above)
        else:
            for above_, below in itertools.pairwise(segment.nodes):
                kinds = [edge.kind for edge in parents[below] if edge.from_ == above_]
                assert kinds and kinds[0] is not EdgeKind.ON_FAILURE
            assert outside <= before[segment.nodes[0]], "a node in the middle of a chain waits for another segment"
    final: set[str] = set()
    waiting = list(segments)
    while waiting:  # a segment starts when all its outside parents are final
        startable = [s for s in waiting if {e.from_ for n in s.nodes for e in parents[n]} - set(s.nodes) <= final]
        assert startable, f"these segments wait for each other: {[segment.nodes for segment in waiting]}"
        final |= {node for segment in startable for node in segment.nodes}
        waiting = [segment for segment in waiting if segment not in startable]


def cut_of(nodes: dict[str, Any], edges: list[tuple[str, ...]]) -> list[list[str]]:
    raw = document({name: {"service": service, "input": {"text": None}} for name, service in nodes.items()}, edges)
    return [segment.nodes for segment in segments_of(checked(raw))]


def test_control_branches_share_a_segment_and_data_branches_do_not() -> None:
    edges: list[tuple[str, ...]] = [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")]
    assert cut_of(dict.fromkeys("abcd", "probe.control"), edges) == [["a", "b", "c", "d"]]
    assert cut_of(dict.fromkeys("abcd", "probe.data"), edges) == [["a", "b"], ["c"], ["d"]]


def test_a_chain_ends_at_another_pool_and_at_a_failure_edge() -> None:
    nodes = {"a": "probe.data", "b": "probe.data", "c": "probe.elsewhere", "d": "probe.data"}
    assert cut_of(nodes, [("a", "b"), ("b", "c"), ("c", "d")]) == [["a", "b"], ["c"], ["d"]]
    assert cut_of(dict.fromkeys("ab", "probe.data"), [("a", "b", "on_failure")]) == [["a"], ["b"]]


def test_an_approval_node_has_its_own_segment() -> None:
    ask = {"service": "review.script", "input": {"narration": "Good morning."}}
    plain = {"service": "probe.control", "input": {"text": None}}
    raw = document(
        {"a": plain, "ask": ask, "beside": plain, "b": plain},
        [("a", "ask"), ("a", "beside"), ("ask", "b"), ("beside", "b")],
    )
    graph = checked(raw)
    assert [segment.nodes for segment in segments_of(graph, {"ask"})] == [["a", "beside"], ["ask"], ["b"]]
