"""Compiles the shape of a segment to a LangGraph. Compiled graphs are kept by shape, not by job.

Every node waits for all its parents inside the segment and then decides by their states whether it runs or is skipped.
LangGraph's own conditional edges are not used for that: an edge not taken would leave a join behind it waiting.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, Any, TypedDict

from langchain_core.runnables import RunnableConfig
from langgraph.graph import START, StateGraph

from schemas.status import NodeStatus

RunNode = Callable[[int, dict[int, NodeStatus]], NodeStatus]
Shape = tuple[tuple[int, ...], ...]  # for each node, in topological order, the positions of its parents in the segment


def _merge(left: dict[int, NodeStatus], right: dict[int, NodeStatus]) -> dict[int, NodeStatus]:
    return {**left, **right}


class State(TypedDict):
    """Node states by position; outputs travel beside the graph, so that no state copies them."""

    status: Annotated[dict[int, NodeStatus], _merge]


@lru_cache(maxsize=256)
def compile_shape(shape: Shape) -> Any:
    """A compiled graph for segments of this shape."""
    builder = StateGraph(State)
    for position in range(len(shape)):
        builder.add_node(f"n{position}", _step(position))
    for position, parents in enumerate(shape):
        if not parents:
            builder.add_edge(START, f"n{position}")
        elif len(parents) == 1:
            builder.add_edge(f"n{parents[0]}", f"n{position}")
        else:
            builder.add_edge([f"n{parent}" for parent in parents], f"n{position}")
    return builder.compile()


def run_shape(shape: Shape, run: RunNode, known: dict[int, NodeStatus]) -> dict[int, NodeStatus]:
    """Run a segment; ``run(position, states)`` is called for each node once its parents are final.

    Args:
        known: states of nodes that were final before (a resumed segment); they are not run again.

    Blocks until all nodes are final. What ``run`` raises comes out of here.
    """
    graph = compile_shape(shape)
    # LangGraph counts one step a level; its default of 25 would stop longer chains.
    config: RunnableConfig = {"configurable": {"run": run}, "recursion_limit": len(shape) + 2}
    final: State = graph.invoke({"status": known}, config)
    return final["status"]


def _step(position: int) -> Any:  # LangGraph tells nodes apart by their parameters, which no Callable type names
    def step(state: State, config: RunnableConfig) -> State:
        if position in state["status"]:
            return {"status": {}}
        return {"status": {position: config["configurable"]["run"](position, state["status"])}}

    return step
