"""What the runner adds to nodes that take seconds: a job of three segments over both planes, two of them sleeping.

The wall is from the client's submit (validation and SQL too) to the last event. Goal: at most 1.02 x the time of the
nodes.
"""

from __future__ import annotations

from benchmarks.measure import interval, shown, told
from benchmarks.runner.jobs import bench_stack, chain, finish, node, run_ms, submit

NODE_S = 1.0
GOAL = 1.02


def main(count: int = 20) -> None:
    job = chain([node("sleep", seconds=NODE_S), node("control"), node("sleep", seconds=NODE_S)])
    with bench_stack() as deployment:
        finish(deployment, submit(deployment, chain([node("sleep", seconds=0), node("control")])))  # warm
        walls = [run_ms(deployment, job) / 1e3 for _ in range(count)]
    ratio = interval([wall / (2 * NODE_S) for wall in walls])
    added_ms = interval([(wall - 2 * NODE_S) * 1e3 for wall in walls])
    print(f"added to {2 * NODE_S:g} s of nodes: {shown(added_ms, 0)} ms a job ({count} jobs)")
    print(f"wall / time of the nodes {shown(ratio, 3)}  goal {GOAL} {told(ratio[1] <= GOAL)}")


if __name__ == "__main__":
    main()
