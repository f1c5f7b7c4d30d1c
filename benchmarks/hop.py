"""A chain control -> data -> control of nodes that do nothing, against the bare floor, interleaved.

    python -m benchmarks.hop [count]

Watched, without a goal (benchmarks/README.md). Measured from the client's submit (validation, SQL and all) to the last
event.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from benchmarks.bench_stack import running_stack
from benchmarks.floor import Floor
from benchmarks.measure import machine, pairs, percentile, ratio_interval
from workbench.client.deployment import Deployment
from workbench.client.submit import submit_graph
from workbench.engine.accept import Request

CHAIN: dict[str, Any] = {
    "schema": "langgraph.v1",
    "workflowId": "noop",
    "nodes": [
        {"id": "a", "service": "deployment.control"},
        {"id": "b", "service": "deployment.data"},
        {"id": "c", "service": "deployment.control"},
    ],
    "edges": [{"from": "a", "to": "b"}, {"from": "b", "to": "c"}],
}


def chain_ms(deployment: Deployment) -> float:
    """One job: milliseconds from submit to its last event."""
    began = time.perf_counter()
    job = submit_graph(deployment, Request(CHAIN)).job
    for update in deployment.watch(job):
        if update.final:
            break
    return (time.perf_counter() - began) * 1e3


def main(count: int = 200) -> None:
    """Print p50, p95 and the ratio with its interval."""
    print(machine())
    parts = ("bus", "objects", "sql", "control", "worker")
    with running_stack(
        *parts, WORKBENCH_NODE_MODULES="benchmarks.noop_nodes", WORKBENCH_CONTROL_SLOTS="1"
    ) as deployment:
        floor = Floor(deployment.settings.bus_url)
        try:
            for _ in range(20):
                chain_ms(deployment)
                floor.chain_ms()
            ours, theirs = pairs(count, lambda: chain_ms(deployment), floor.chain_ms)
        finally:
            floor.close()
    low, middle, high = ratio_interval(ours, theirs)
    print(f"workbench  p50 {percentile(ours, 0.5):.2f} ms  p95 {percentile(ours, 0.95):.2f} ms  ({count} chains)")
    print(f"floor      p50 {percentile(theirs, 0.5):.2f} ms  p95 {percentile(theirs, 0.95):.2f} ms")
    p50_ratio = percentile(ours, 0.5) / percentile(theirs, 0.5)
    pairwise = f"pairwise {middle:.2f} [{low:.2f}, {high:.2f}]"
    print(f"ratio      p50/p50 {p50_ratio:.2f}  {pairwise}")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
