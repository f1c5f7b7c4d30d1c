"""How far a job is and how long it will take."""

from __future__ import annotations

from itertools import count

import pytest

from schemas.event import Event, EventType, NodeResult, Progress
from schemas.graph import Graph
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


class Told(Estimate):
    """An estimate with a short way to say what happened."""

    _numbers = count(1)

    def say(self, type_: EventType, node: str, seconds: float = 0.0) -> None:
        data = NodeResult(output={}, seconds=seconds).model_dump(mode="json")
        self.see(Event(job="job", epoch=1, seq=next(self._numbers), type=type_, node=node, data=data))


def told(typical: dict[str, float] = TYPICAL) -> Told:
    estimate = Told.of(GRAPH, typical)
    assert isinstance(estimate, Told)
    return estimate


def test_branches_run_beside_each_other_so_the_longest_path_counts() -> None:
    estimate = told()
    assert estimate.seconds_left() == pytest.approx(10)  # b, then c


def test_what_is_done_is_left_out_and_its_real_time_counts() -> None:
    estimate = told()
    estimate.say(EventType.NODE_COMPLETED, "b", seconds=3.0)
    assert estimate.seconds_left() == pytest.approx(6)  # a, then c
    estimate.say(EventType.NODE_COMPLETED, "a", seconds=2.0)
    estimate.say(EventType.NODE_COMPLETED, "c", seconds=4.0)
    assert estimate.seconds_left() == pytest.approx(0)


@pytest.mark.parametrize("end", [EventType.NODE_FAILED, EventType.NODE_SKIPPED, EventType.NODE_CANCELLED])
def test_a_node_that_will_not_run_any_more_takes_no_time(end: EventType) -> None:
    estimate = told()
    estimate.say(end, "b")
    assert estimate.seconds_left() == pytest.approx(6)


def test_what_never_ran_is_expected_by_its_weight() -> None:
    assert told({"x.a": 2.0, "x.c": 2.0}).expected_s["b"] == pytest.approx(6)


def test_while_nothing_is_known_no_time_is_named() -> None:
    estimate = told({})
    assert estimate.seconds_left() is None
    estimate.say(EventType.NODE_RUNNING, "a")
    estimate.progress(Progress(node="a", done=5, total=10))
    assert estimate.seconds_left() is not None


def test_progress_counts_only_while_its_node_runs() -> None:
    estimate = told()
    estimate.progress(Progress(node="b", done=9, total=10))
    assert estimate.seconds_left() == pytest.approx(10)
    estimate.say(EventType.NODE_RUNNING, "b")
    estimate.say(EventType.NODE_COMPLETED, "b", seconds=6.0)
    estimate.progress(Progress(node="b", done=1, total=10))  # a last value that came late
    assert estimate.seconds_left() == pytest.approx(6)  # a, then c


def test_a_node_is_not_called_done_before_it_is() -> None:
    estimate = told()
    estimate.say(EventType.NODE_RUNNING, "b")
    estimate.progress(Progress(node="b", done=10, total=10))
    assert estimate.done["b"] == pytest.approx(0.99)


def test_a_long_chain_listed_backwards_has_its_time() -> None:
    graph = Graph.model_validate(
        {
            "schema": "langgraph.v1",
            "nodes": [{"id": f"n{index}", "service": "x.a"} for index in range(1000)],
            "edges": [{"from": f"n{index + 1}", "to": f"n{index}"} for index in range(999)],
        }
    )
    assert Estimate.of(graph, {"x.a": 2.0}).seconds_left() == pytest.approx(2000)
