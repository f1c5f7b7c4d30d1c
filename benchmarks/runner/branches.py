"""Branches of unequal steps on two data workers: they do not wait for each other level by level.

A -> B1 -> B2 -> D and A -> C -> D, all sleeping. Level by level it would take A + max(B1, C) + B2 + D. Goal: wall at
most 1.1 x the critical path.
"""

from __future__ import annotations

from benchmarks.measure import interval, shown, told
from benchmarks.runner.jobs import bench_stack, chain, document, finish, further_workers, node, run_ms, submit

SECONDS = {"a": 0.2, "b1": 0.2, "b2": 0.5, "c": 0.6, "d": 0.2}
EDGES = [("a", "b1"), ("b1", "b2"), ("b2", "d"), ("a", "c"), ("c", "d")]
GOAL = 1.1


def main(count: int = 10) -> None:
    branch = max(SECONDS["b1"] + SECONDS["b2"], SECONDS["c"])
    critical = SECONDS["a"] + branch + SECONDS["d"]
    levels = SECONDS["a"] + max(SECONDS["b1"], SECONDS["c"]) + SECONDS["b2"] + SECONDS["d"]
    nodes = {name: {**node("sleep", seconds=seconds), "input": {"tick": 0}} for name, seconds in SECONDS.items()}
    nodes["d"]["input"] = {"tick": 0, "payload": ""}  # of two parents' values none is the obvious one
    with bench_stack() as deployment, further_workers(deployment, 1):
        finish(deployment, submit(deployment, chain([node("sleep", seconds=0)])))  # warm
        walls = [run_ms(deployment, document(nodes, EDGES)) / 1e3 for _ in range(count)]
    ratio = interval([wall / critical for wall in walls])
    print(f"critical path {critical:.2f} s, level by level it would be {levels:.2f} s")
    print(f"wall / critical path {shown(ratio, 3)} ({count} jobs)  goal {GOAL} {told(ratio[1] <= GOAL)}")


if __name__ == "__main__":
    main()
