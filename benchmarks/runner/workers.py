"""1 to 16 data workers on nodes that sleep: throughput against linear.

One job of independent nodes, eight for each worker, so that all are queued before the first is done. Measured from the
first node's start to the last one's end. Goal: at least 0.95 of linear.
"""

from __future__ import annotations

from benchmarks.measure import interval, shown, told
from benchmarks.runner.jobs import bench_stack, document, finish, further_workers, node, results, submit

COUNTS = (1, 2, 4, 8, 16)
NODE_S = 0.5
NODES_A_WORKER = 8
GOAL = 0.95


def main(rounds: int = 3, seconds: float = NODE_S) -> None:
    with bench_stack() as deployment, further_workers(deployment) as more:
        for workers in COUNTS:
            more.grow_to(workers - 1)  # the stack has one
            total = workers * NODES_A_WORKER
            graph = document({f"n{index}": node("sleep", seconds=seconds) for index in range(total)})
            shares = []
            for _ in range(rounds):
                done = results(finish(deployment, submit(deployment, graph))).values()
                assert len({result.worker for result in done}) == workers
                wall = max(result.finished_at for result in done) - min(result.started_at for result in done)
                shares.append(NODES_A_WORKER * seconds / wall)
            share = interval(shares)
            rate = f"{workers:2d} workers  {share[1] * workers / seconds:.2f} nodes/s"
            print(f"{rate}, {shown(share, 3)} of linear  goal {GOAL} {told(share[1] >= GOAL)}", flush=True)


if __name__ == "__main__":
    main()
