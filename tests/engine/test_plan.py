"""Job plans for the bus: their counters and states agree with those of the scripts."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.event import EventType, NodeResult
from schemas.status import NodeStatus
from tests.engine.graphs import checked, document, random_documents
from workbench.bus.encode import size_bytes
from workbench.bus.job_plan import JobPlan, PlannedNode, PlannedSegment
from workbench.engine.plan import plan


def by_id(planned: JobPlan) -> dict[str, PlannedNode]:
    return {node.id: node for node in planned.nodes}


def segment(planned: JobPlan, name: str) -> PlannedSegment:
    return next(one for one in planned.segments if one.id == name)


@settings(max_examples=150, deadline=None)
@given(raw=random_documents(), data=st.data())
def test_counters_agree_with_the_states(raw: dict[str, Any], data: st.DataObject) -> None:
    graph = checked(raw)
    known = data.draw(st.sets(st.sampled_from(graph.order)))
    results = {node: NodeResult(output={"text": node}) for node in known}
    found = by_id(plan("job", graph, seed=3, results=results))
    status = {node: found[node].status for node in graph.order}
    for node, incoming in graph.graph.parents().items():
        assert found[node].pending == sum(not status[edge.from_].final for edge in incoming)
        if incoming:
            assert found[node].fired == sum(edge.kind.fires(status[edge.from_]) for edge in incoming)
        dead = bool(incoming) and found[node].pending == 0 and found[node].fired == 0
        assert (status[node] is NodeStatus.SKIPPED) == (dead and node not in known)
        assert (status[node] is NodeStatus.COMPLETED) == (node in known)


def test_a_plan_lists_ready_segments_and_announces_cache_hits() -> None:
    raw = document(
        {"a": "probe.data", "b": "probe.control", "c": "probe.data", "rescue": "probe.control"},
        [("a", "b"), ("b", "c"), ("a", "rescue", "on_failure")],
    )
    fresh = plan("job", checked(raw), seed=0, results={})
    assert (fresh.ready, [event[0] for event in fresh.events]) == (["0"], [EventType.JOB_ACCEPTED])
    done = {"a": NodeResult(output={"text": "a"}, cached=True)}
    resumed = plan("job", checked(raw), seed=0, results=done)
    assert [by_id(resumed)[node].status.value for node in ("a", "b", "c", "rescue")] == [
        "completed",
        "ready",
        "pending",
        "skipped",
    ]
    assert [(event[0].value, event[1]) for event in resumed.events] == [
        ("job.accepted", ""),
        ("node.completed", "a"),
        ("node.skipped", "rescue"),
    ]
    assert plan("job", checked(raw), seed=0, results=done, announce=False).events == []


def test_a_segment_carries_only_what_its_nodes_need() -> None:
    raw = document(
        {
            "a": {"service": "probe.data", "params": {"value": "x" * 100}},
            "b": "probe.control",
            "c": {"service": "probe.data", "input": {"text": "$a.text"}},
        },
        [("a", "b"), ("b", "c")],
    )
    planned = plan("job", checked(raw), seed=5, results={}, provenance={"graph": "g"})
    assert [one.id for one in planned.segments] == ["0", "1", "2"]
    assert segment(planned, "2").needs == ("a", "b")
    spec = segment(planned, "0").spec
    assert spec.count(b"x" * 100) == 1 and b"x" * 100 not in segment(planned, "1").spec
    assert b'"seed":5' in spec and b'"timeoutS":180.0' in spec
    assert 500 < size_bytes(planned) < 10_000
