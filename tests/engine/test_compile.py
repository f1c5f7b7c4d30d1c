"""A compiled shape runs each node once, after all its parents, whatever was final before."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.status import NodeStatus
from workbench.engine.compile import Shape, compile_shape, run_shape


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    count = draw(st.integers(1, 8))
    return tuple(
        tuple(sorted(draw(st.sets(st.integers(0, position - 1), max_size=3)))) if position else ()
        for position in range(count)
    )


@settings(max_examples=80, deadline=None)
@given(shape=shapes(), data=st.data())
def test_each_node_runs_once_after_all_its_parents(shape: Shape, data: Any) -> None:
    known = dict.fromkeys(data.draw(st.sets(st.integers(0, len(shape) - 1))), NodeStatus.FAILED)
    ran: list[int] = []
    lock = threading.Lock()

    def run(position: int, states: dict[int, NodeStatus]) -> NodeStatus:
        assert all(parent in states for parent in shape[position])
        with lock:
            ran.append(position)
        return NodeStatus.COMPLETED

    states = run_shape(shape, run, known)
    assert sorted(ran) == [position for position in range(len(shape)) if position not in known]
    assert states == {position: known.get(position, NodeStatus.COMPLETED) for position in range(len(shape))}


def test_an_exception_in_a_node_propagates_and_no_later_node_runs() -> None:
    ran = []

    def run(position: int, _: dict[int, NodeStatus]) -> NodeStatus:
        ran.append(position)
        if position == 1:
            raise KeyError("given up")
        return NodeStatus.COMPLETED

    with pytest.raises(KeyError, match="given up"):
        run_shape(((), (0,), (1,)), run, {})
    assert ran == [0, 1]


def test_equal_shapes_are_compiled_once() -> None:
    compile_shape.cache_clear()
    for shape in (((), (0,)), ((), (0,)), ((),)):
        compile_shape(shape)
    assert compile_shape.cache_info().currsize == 2


def test_a_single_node_runs_without_a_compiled_graph() -> None:
    compile_shape.cache_clear()
    seen: list[dict[int, NodeStatus]] = []

    def run(position: int, states: dict[int, NodeStatus]) -> NodeStatus:
        seen.append(dict(states))
        return NodeStatus.SKIPPED

    assert run_shape(((),), run, {}) == {0: NodeStatus.SKIPPED}
    assert run_shape(((),), run, {0: NodeStatus.FAILED}) == {0: NodeStatus.FAILED}
    assert seen == [{}] and compile_shape.cache_info().currsize == 0


def test_a_long_chain_runs_to_its_end() -> None:
    shape: Shape = ((), *((position,) for position in range(99)))
    assert len(run_shape(shape, lambda _position, _states: NodeStatus.COMPLETED, {})) == 100
