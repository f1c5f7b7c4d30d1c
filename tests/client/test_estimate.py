"""Estimates of a job's progress and remaining time."""

from __future__ import annotations

from itertools import count

import pytest

from schemas.event import Event, EventType, NodeResult, Progress
from schemas.graph import Graph
from schemas.job import NodeRecord
from schemas.status import NodeStatus, Plane
from workbench.client.estimate import Estimate

GRAPH = Graph.model_validate(
    {
        "schema": "langgraph.v1",
        "nodes": [
            {"id": "a", "service": "x.a", "progressWeight": 1},
            {"id": "b", "service": "x.b", "progressWeight": 3},
            {"id": "c", "service": "x.c", "progressWeight": 1},
        ],
        "edges": [{"from": "a", "to": "c"}, {"from": "b", "to": "c"}],
    }
)
TYPICAL = {"x.a": 2.0, "x.b": 6.0, "x.c": 4.0}


class EventfulEstimate(Estimate):
    """An estimate with a short method for adding events."""

    _numbers = count(1)

    def add(self, type_: EventType, node: str, seconds: float = 0.0) -> None:
        data = NodeResult(output={}, seconds=seconds).model_dump(mode="json")
        self.see(Event(job="job", epoch=1, seq=next(self._numbers), type=type_, node=node, data=data))


def estimate_with(typical: dict[str, float] = TYPICAL) -> EventfulEstimate:
    estimate = EventfulEstimate.of(GRAPH, typical)
    assert isinstance(estimate, EventfulEstimate)
    return estimate


def test_branches_run_in_parallel_so_the_longest_path_counts() -> None:
    estimate = estimate_with()
    assert estimate.seconds_left() == pytest.approx(10)  # b, then c


def test_finished_nodes_are_left_out_and_their_real_time_counts() -> None:
    estimate = estimate_with()
    estimate.add(EventType.NODE_COMPLETED, "b", seconds=3.0)
    assert estimate.seconds_left() == pytest.approx(6)  # a, then c
    estimate.add(EventType.NODE_COMPLETED, "a", seconds=2.0)
    estimate.add(EventType.NODE_COMPLETED, "c", seconds=4.0)
    assert estimate.seconds_left() == pytest.approx(0)


@pytest.mark.parametrize("end", [EventType.NODE_FAILED, EventType.NODE_SKIPPED, EventType.NODE_CANCELLED])
def test_a_node_that_will_not_run_takes_no_time(end: EventType) -> None:
    estimate = estimate_with()
    estimate.add(end, "b")
    assert estimate.seconds_left() == pytest.approx(6)


def test_a_node_that_never_ran_is_estimated_by_its_weight() -> None:
    assert estimate_with({"x.a": 2.0, "x.c": 2.0}).expected_s["b"] == pytest.approx(6)


def test_without_any_known_times_there_is_no_estimate() -> None:
    estimate = estimate_with({})
    assert estimate.seconds_left() is None
    estimate.add(EventType.NODE_RUNNING, "a")
    estimate.progress(Progress(node="a", done=5, total=10))
    assert estimate.seconds_left() is not None


def test_progress_counts_only_while_its_node_runs() -> None:
    estimate = estimate_with()
    estimate.progress(Progress(node="b", done=9, total=10))
    assert estimate.seconds_left() == pytest.approx(10)
    estimate.add(EventType.NODE_RUNNING, "b")
    estimate.add(EventType.NODE_COMPLETED, "b", seconds=6.0)
    estimate.progress(Progress(node="b", done=1, total=10))  # a late progress value
    assert estimate.seconds_left() == pytest.approx(6)  # a, then c


def test_a_running_node_is_never_shown_as_done() -> None:
    estimate = estimate_with()
    estimate.add(EventType.NODE_RUNNING, "b")
    estimate.progress(Progress(node="b", done=10, total=10))
    assert estimate.done["b"] == pytest.approx(0.99)


def test_nodes_that_take_parts_run_at_the_same_time_as_what_makes_them() -> None:
    estimate = estimate_with()
    estimate.add(EventType.NODE_RUNNING, "b")
    estimate.add(EventType.NODE_RUNNING, "c")
    assert estimate.seconds_left() == pytest.approx(6, abs=0.5)  # b; c has no more to do by then


def test_a_watcher_that_comes_late_knows_what_has_been_done() -> None:
    estimate = estimate_with()
    states = [(NodeStatus.COMPLETED, 0.0), (NodeStatus.RUNNING, 1000.0), (NodeStatus.PENDING, None)]
    nodes = [
        NodeRecord(id=node, service=f"x.{node}", plane=Plane.DATA, status=status, started_at=began)
        for node, (status, began) in zip("abc", states, strict=True)
    ]
    estimate.take(nodes, now=1003.0)
    assert estimate.seconds_left() == pytest.approx(7, abs=0.5)  # half of b, then c


def test_known_work_is_still_to_be_done() -> None:
    estimate = estimate_with()
    estimate.add(EventType.NODE_RUNNING, "c")
    estimate.started["c"] -= 10.0
    estimate.known_work(Progress(node="c", done=10, total=110))
    assert estimate.node_seconds_left("c") == pytest.approx(100, abs=1)  # more than past runs took
    assert estimate.expected_s["c"] == TYPICAL["x.c"]


def test_a_long_chain_in_reverse_order_is_estimated() -> None:
    graph = Graph.model_validate(
        {
            "schema": "langgraph.v1",
            "nodes": [{"id": f"n{index}", "service": "x.a"} for index in range(1000)],
            "edges": [{"from": f"n{index + 1}", "to": f"n{index}"} for index in range(999)],
        }
    )
    assert Estimate.of(graph, {"x.a": 2.0}).seconds_left() == pytest.approx(2000)
