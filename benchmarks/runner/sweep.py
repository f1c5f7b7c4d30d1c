"""A sweep of which only the last node differs, and identical jobs at the same time: each distinct thing runs once.

100 variants of a chain of four against the same without the cache (goal: 3.3 x faster, where 400 / 103 = 3.9 would be
possible). Then 50 identical jobs of three nodes on four workers, submitted at once (goal: 3 executions).
"""

from __future__ import annotations

import time
from typing import Any

from benchmarks.measure import told
from benchmarks.runner.jobs import bench_stack, chain, finish, further_workers, node, results, submit
from workbench.client.deployment import Deployment

NODE_S = 0.1
GOAL = 3.3
IDENTICAL, WORKERS = 50, 4


def main(variants: int = 100) -> None:
    with bench_stack() as deployment:
        finish(deployment, submit(deployment, chain([node("sleep", seconds=0)])))  # warm
        graphs = [variant(number) for number in range(variants)]
        uncached, executed = run_all(deployment, [{**graph, "context": {"cache": False}} for graph in graphs])
        print(f"without cache {uncached:.2f} s, {executed} executions", flush=True)
        cached, executed = run_all(deployment, graphs)
        print(f"with cache    {cached:.2f} s, {executed} executions of {4 * variants} nodes", flush=True)
        ratio = uncached / cached
        print(
            f"{variants} x 4 nodes of {NODE_S} s: {ratio:.2f} x faster  goal {GOAL} {told(ratio >= GOAL)}", flush=True
        )
        with further_workers(deployment, WORKERS - 1):
            same = chain([node("known", seconds=NODE_S, value=1000) for _ in range(3)])
            seconds, executed = run_all(deployment, [same] * IDENTICAL)
        what = f"{IDENTICAL} identical jobs of 3 nodes at once, {WORKERS} workers"
        print(f"{what}: {executed} executions, {seconds:.2f} s  goal 3 {told(executed == 3)}")


def variant(number: int) -> dict[str, Any]:
    """A chain of four of which only the last node is this variant's own."""
    return chain([*(node("known", seconds=NODE_S) for _ in range(3)), node("known", seconds=NODE_S, value=number + 1)])


def run_all(deployment: Deployment, graphs: list[dict[str, Any]]) -> tuple[float, int]:
    """Submit all, wait for all: seconds, and how many nodes were executed rather than known."""
    began = time.perf_counter()
    accepted = [submit(deployment, graph) for graph in graphs]
    done = [results(finish(deployment, job)) for job in accepted]
    seconds = time.perf_counter() - began
    return seconds, sum(not result.cached for job in done for result in job.values())


if __name__ == "__main__":
    main()
