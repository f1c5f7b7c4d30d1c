"""Compiles the shape of a segment to a LangGraph. Compiled graphs are cached by shape, not by job.

A segment of one node needs no graph: its node is called directly (docs/design/gating-inside-langgraph.md).

Every node waits for all its parents inside the segment; their states then decide if it runs or is skipped.
LangGraph's own conditional edges are not used for that, because an edge that is not taken would block a join behind it.

The graph uses LangGraph's Pregel runtime, because StateGraph would add a task before the first node.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from schemas.status import NodeStatus

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

RunNode = Callable[[int, dict[int, NodeStatus]], NodeStatus]
Shape = tuple[tuple[int, ...], ...]  # for each node, in topological order, the positions of its parents in the segment

_START = "start"


@lru_cache(maxsize=256)
def compile_shape(shape: Shape) -> Any:
    """A compiled graph for segments of this shape.

    The runtime executes level by level: when the deepest parent of a node has ended, all its parents have. So a node
    subscribes to that parent only. States are passed beside the channels, so that no step copies them.
    """
    from langgraph.channels import EphemeralValue
    from langgraph.pregel import NodeBuilder, Pregel

    depth: list[int] = []
    nodes: dict[str, Any] = {}
    channels: dict[str, Any] = {_START: EphemeralValue(bool)}
    for position, parents in enumerate(shape):
        depth.append(1 + max((depth[parent] for parent in parents), default=-1))
        deepest = max(parents, key=lambda parent: depth[parent], default=None)
        trigger = _START if deepest is None else _ended(deepest)
        channels[_ended(position)] = EphemeralValue(bool)
        nodes[f"n{position}"] = NodeBuilder().subscribe_only(trigger).do(_step(position)).write_to(_ended(position))
    return Pregel(nodes=nodes, channels=channels, input_channels=_START, output_channels=_ended(len(shape) - 1))


def run_shape(shape: Shape, run: RunNode, known: dict[int, NodeStatus]) -> dict[int, NodeStatus]:
    """Run a segment: call ``run(position, states)`` for each node when its parents are final.

    Args:
        known: states of nodes that were already final (a resumed segment); they do not run again.

    Blocks until all nodes are final. Exceptions of ``run`` propagate.
    """
    states = dict(known)
    if len(shape) == 1:
        if not known:
            states[0] = run(0, states)
        return states
    # LangGraph counts one step per level, and its default limit of 25 would stop longer chains.
    # Without a bound on its threads, it counts the processors at each run.
    config: RunnableConfig = {
        "configurable": {"run": run, "states": states},
        "recursion_limit": len(shape) + 2,
        "max_concurrency": len(shape),
    }
    compile_shape(shape).invoke(True, config)
    return states


def _ended(position: int) -> str:
    return f"ended-{position}"


def _step(position: int) -> Any:  # LangGraph inspects the parameters of nodes, which a Callable type does not have

    def step(_: bool, config: RunnableConfig) -> bool:
        states: dict[int, NodeStatus] = config["configurable"]["states"]
        if position not in states:
            states[position] = config["configurable"]["run"](position, states)
        return True

    return step
