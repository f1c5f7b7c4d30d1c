"""What the engine costs a node, with no bus: an executor running a segment, against LangGraph's ``invoke`` alone.

The executor is the real one; at the other end of its socket pair a process answers as a supervisor would, at once. The
bare graph has as many nodes that do nothing, compiled once, and the same state. Goal: at most 1.3 x, for each length.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any, TypedDict

from langgraph.graph import START, StateGraph
from msgspec import Raw

import benchmarks.noop_nodes as noop_nodes
from benchmarks.measure import interval, pairs, ratio_interval, shown, told
from benchmarks.runner.jobs import chain, node
from nodes.identity import Identity
from nodes.registry import services
from schemas.graph import Graph
from schemas.segment import SegmentSpec
from schemas.status import NodeStatus
from workbench.bus.results import Verdict
from workbench.engine.compile import compile_shape
from workbench.engine.executor import Executor
from workbench.engine.messages import Channel, FromExecutor, Outcome, Request, Run, to_executor, to_supervisor
from workbench.engine.plan import plan
from workbench.engine.segment_run import shape_of
from workbench.engine.validate import validate
from workbench.engine.wire import Closed
from workbench.store.local_cache import LocalCache

LENGTHS = (1, 3, 10)
GOAL = 1.3


class State(TypedDict):
    """Node states by position, merged as a LangGraph user writes it."""

    status: Annotated[dict[int, NodeStatus], lambda left, right: {**left, **right}]


DECLARES = noop_nodes  # importing it declares the benchmark's services


def answer_all(channel: Channel[FromExecutor]) -> None:
    """The supervisor's end: every request is answered with "go on", everything else is read and dropped."""
    while True:
        message = channel.receive()
        if isinstance(message, Request) and message.id:
            channel.send(Outcome(message.id, Verdict.OK))


def bare(length: int) -> Any:
    """LangGraph alone: a chain of nodes that do nothing, compiled."""

    def step(position: int) -> Any:
        return lambda state: {"status": {position: NodeStatus.COMPLETED}}

    builder = StateGraph(State)
    for position in range(length):
        builder.add_node(f"n{position}", step(position))
        builder.add_edge(f"n{position - 1}" if position else START, f"n{position}")
    return builder.compile()


def run_message(length: int, number: int = 1) -> Run:
    """What a supervisor sends for a chain of that length in one segment."""
    raw = chain([node("data")] * length)
    checked = validate(Graph.model_validate(raw), services(), lambda declaration: Identity())
    (segment,) = plan("measured", checked, seed=0, results={}).segments
    status = {item.id: NodeStatus.RUNNING for item in checked.graph.nodes}
    return Run(number, "measured", 1, Raw(segment.spec), status, {}, {})


def main(count: int = 400) -> None:
    ours, theirs = socket.socketpair()
    answering = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.runner.engine", str(theirs.fileno())], pass_fds=[theirs.fileno()]
    )
    theirs.close()
    with tempfile.TemporaryDirectory() as folder:
        try:
            executor = Executor(to_supervisor(ours), LocalCache(Path(folder) / "cache", 1 << 30), Path(folder), {})
            measure(executor, count)
        finally:
            ours.close()
            answering.wait(10)


def measure(executor: Executor, count: int) -> None:
    """Interleaved pairs for each length, and the compiled graphs left behind."""
    compile_shape.cache_clear()
    shapes = set()
    for length in LENGTHS:
        message, graph = run_message(length), bare(length)
        if length > 1:  # a single node is called without a graph
            shapes.add(shape_of(SegmentSpec.model_validate_json(bytes(message.spec))))
        config: Any = {"recursion_limit": length + 2}

        def engine_ms(message: Run = message) -> float:
            began = time.perf_counter()
            executor.run(message)
            return (time.perf_counter() - began) * 1e3

        def bare_ms(graph: Any = graph, config: Any = config) -> float:
            began = time.perf_counter()
            graph.invoke({"status": {}}, config)
            return (time.perf_counter() - began) * 1e3

        for _ in range(20):
            engine_ms()
            bare_ms()
        engine, alone = pairs(count, engine_ms, bare_ms)
        ratio = ratio_interval(engine, alone)
        nodes = "node " if length == 1 else "nodes"
        per_node = f"engine {interval(engine)[1] / length:.3f} ms a node, LangGraph {interval(alone)[1] / length:.3f}"
        print(f"{length:2d} {nodes}  {per_node}  {shown(ratio)} x  goal {GOAL} {told(ratio[1] <= GOAL)}", flush=True)
    compiled = compile_shape.cache_info().currsize
    print(f"compiled graphs: {compiled} for {len(shapes)} distinct shapes  {told(compiled == len(shapes))}")


if __name__ == "__main__":
    with contextlib.suppress(Closed):
        answer_all(to_executor(socket.socket(fileno=int(sys.argv[1]))))
