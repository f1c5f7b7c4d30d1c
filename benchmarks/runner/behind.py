"""A chain's latency with 10,000 finished jobs behind it, against an empty deployment; and what those jobs leave.

Two stacks run side by side, measured in turns. One gets the jobs first, by way of the real submit, scripts and
recorder: only the worker is replaced by a loop that takes and commits. Goals: at most 1.2 x; no finished entry on any
stream; hardly any memory of the bus a job.
"""

from __future__ import annotations

import sys
import threading
import time

import orjson

from benchmarks.hop import chain_ms
from benchmarks.measure import pairs, percentile, ratio_interval, shown, told
from benchmarks.runner.jobs import bench_stack, chain, node, submit
from workbench.bus.bus import Bus
from workbench.bus.keys import LANES
from workbench.bus.results import Taken
from workbench.client.deployment import Deployment

GOAL = 1.2
BYTES_GOAL = 64
POOL = "data.filler"
RESULT = orjson.dumps({"output": {"tick": 1, "payload": ""}, "worker": "filler", "seconds": 0.001})
EVENTS_KEPT_S = 60  # by the bus, for watchers that are still reading
SUBMITTERS = 2


def main(jobs: int = 10_000, count: int = 200) -> None:
    with bench_stack() as full, bench_stack() as empty:
        memory = used_bytes(full)
        for deployment in (full, empty):
            for _ in range(20):
                chain_ms(deployment)
        began = time.perf_counter()
        fill(full, jobs)
        print(f"{jobs} jobs finished and recorded in {time.perf_counter() - began:.0f} s", flush=True)
        ours, theirs = pairs(count, lambda: chain_ms(full), lambda: chain_ms(empty))
        pairwise = shown(ratio_interval(ours, theirs))
        ratio = percentile(ours, 0.5) / percentile(theirs, 0.5)
        print(f"p50 {percentile(ours, 0.5):.2f} ms behind {jobs} jobs, {percentile(theirs, 0.5):.2f} ms behind none")
        print(f"ratio p50/p50 {ratio:.2f}  pairwise {pairwise}  goal {GOAL} {told(ratio <= GOAL)}", flush=True)
        await_recorded(full)
        left = entries(full)
        print(f"entries on queues and outbox: {left}  goal 0 {told(left == 0)}")
        time.sleep(EVENTS_KEPT_S + 5)
        grown = (used_bytes(full) - memory) / jobs
        kept = sum(1 for _ in full.bus.client.scan_iter(match=f"{full.bus.keys.prefix}:*"))
        verdict = told(grown <= BYTES_GOAL)
        print(f"bus memory {grown:+.1f} bytes a finished job, {kept} keys left  goal {BYTES_GOAL} {verdict}")


def fill(deployment: Deployment, jobs: int) -> None:
    """Submit, take and commit that many jobs of one node; returns once SQL has them all."""
    graph = chain([node("filler")])
    shares = [jobs // SUBMITTERS + (index < jobs % SUBMITTERS) for index in range(SUBMITTERS)]

    def put(share: int) -> None:
        own = Deployment(deployment.settings)
        for _ in range(share):
            submit(own, graph)

    threads = [threading.Thread(target=put, args=(share,)) for share in shares]
    for thread in threads:
        thread.start()
    bus = Bus(deployment.settings.bus_url, deployment.settings.namespace)
    done, taken = 0, None
    while done < jobs:
        taken = taken or bus.take("filler", 0, POOL)
        if taken is not None:
            done, taken = done + 1, commit(bus, taken)
            if done % 1000 == 0:
                print(f"  {done} jobs", file=sys.stderr, flush=True)
    for thread in threads:
        thread.join()
    bus.leave("filler", ["filler"])
    bus.close()
    await_recorded(deployment)


def commit(bus: Bus, taken: Taken) -> Taken | None:
    """Complete the one node of a taken job; returns the next where there is one."""
    _, following = bus.commit(taken.lease, "n0", RESULT, worker="filler", then_take=POOL)
    return following


def await_recorded(deployment: Deployment) -> None:
    """Until the recorder has confirmed everything."""
    while deployment.bus.client.xlen(deployment.bus.keys.outbox):
        time.sleep(0.1)


def entries(deployment: Deployment) -> int:
    """Entries of all queues and the outbox."""
    keys = deployment.bus.keys
    streams = [keys.outbox, *(keys.queue(pool, lane) for pool in ("control", "data.cpu", POOL) for lane in LANES)]
    return sum(int(deployment.bus.client.xlen(stream)) for stream in streams)


def used_bytes(deployment: Deployment) -> int:
    """What the server's data take, without its own overhead and buffers."""
    return int(deployment.bus.client.info("memory")["used_memory_dataset"])


if __name__ == "__main__":
    main()
