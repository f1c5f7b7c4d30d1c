"""An interactive job behind a sweep of 300 jobs: it starts after at most one running node on each worker.

The sweep's jobs go to the batch lane. For each interactive job it is counted how many nodes of the sweep started
between its acceptance and its own start, and how long that took, in lengths of a sweep node.
"""

from __future__ import annotations

import time

from benchmarks.measure import interval, told
from benchmarks.runner.jobs import bench_stack, chain, finish, further_workers, node, submit
from schemas.event import Event, EventType
from workbench.bus.keys import BATCH, INTERACTIVE

SWEEP = 300
WORKERS = 2
NODE_S = 0.1


def main(count: int = 8) -> None:
    with bench_stack() as deployment, further_workers(deployment, WORKERS - 1):
        sweep_job = chain([node("sleep", seconds=NODE_S)])
        finish(deployment, submit(deployment, sweep_job))  # warm
        sweep = [submit(deployment, sweep_job, lane=BATCH) for _ in range(SWEEP)]
        ours: list[list[Event]] = []
        for _ in range(count):
            ours.append(finish(deployment, submit(deployment, chain([node("data")]), lane=INTERACTIVE)))
            time.sleep(NODE_S)
        left = sum(not _started(deployment.bus.events(job)) for job in sweep)
        starts = [at for job in sweep for at in _started(finish(deployment, job))]
    between, waits = [], []
    for events in ours:
        accepted = next(event.at for event in events if event.type is EventType.JOB_ACCEPTED)
        (started,) = _started(events)
        between.append(sum(accepted < at < started for at in starts))
        waits.append((started - accepted) / NODE_S)
    assert left, "the sweep was over before the last interactive job: make it longer"
    waited = f"waited {interval(waits)[1]:.2f} node lengths (most {max(waits):.2f})"
    print(f"{count} interactive jobs behind {SWEEP}, {WORKERS} workers; {left} of the sweep still waited at the end")
    verdict = told(max(between) <= WORKERS)
    print(f"nodes of the sweep started before it: at most {max(between)}, {waited}  goal {WORKERS} {verdict}")


def _started(events: list[Event]) -> list[float]:
    return [event.at for event in events if event.type is EventType.NODE_RUNNING]


if __name__ == "__main__":
    main()
