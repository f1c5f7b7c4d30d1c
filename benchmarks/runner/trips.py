"""Bus round trips a hop, counted where the worker's client sends: 1 under load, 2 idle, one more with a cache look-up.

A worker runs inside this process, its connections counted by a subclass; what its heart (renewals), its announcement
and its listener send comes from other threads and is not counted. A pipeline is one trip.
"""

from __future__ import annotations

import itertools
import threading
import time
from typing import Any

import redis

from benchmarks.measure import told
from benchmarks.runner.jobs import bench_stack, chain, finish, node, submit
from schemas.event import Event, EventType
from schemas.status import Plane
from workbench.bus.bus import Bus
from workbench.client.deployment import Deployment
from workbench.engine.worker import Worker
from workbench.logs import configure_logging

SENT: list[tuple[str, float]] = []  # name of the thread, seconds since 1970


class CountedConnection(redis.Connection):
    """Counts what is sent in one go, once it is connected."""

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        SENT.append((threading.current_thread().name, time.time()))
        super().send_packed_command(command, check_health)  # type: ignore[no-untyped-call]


class CountedWorker(Worker):
    """A worker whose connections to the bus are counted."""

    def _bus(self) -> Bus:
        bus = super()._bus()
        bus.client.connection_pool.connection_class = CountedConnection
        return bus

    @property
    def sent(self) -> list[float]:
        """When its slots sent something: seconds since 1970, one entry a trip."""
        return [at for name, at in SENT if name.startswith(self.name)]


def main(count: int = 100) -> None:
    configure_logging("warning")
    with bench_stack(worker=False) as deployment:
        worker = CountedWorker(deployment.settings, Plane.DATA, "cpu", 1)
        worker.start()
        try:
            assert worker.wait_ready()
            finish(deployment, submit(deployment, chain([node("data")])))
            values = itertools.count()
            plain = [chain([node("data")])] * count
            known = [chain([node("known", seconds=0, value=next(values))]) for _ in range(2 * count)]
            say("under load", loaded(deployment, worker, plain), 1)
            say("idle", idle(deployment, worker, plain), 2)
            say("under load, cache", loaded(deployment, worker, known[:count]), 2)
            say("idle, cache", idle(deployment, worker, known[count:]), 3)
        finally:
            worker.stop()


def loaded(deployment: Deployment, worker: CountedWorker, graphs: list[dict[str, Any]]) -> float:
    """Trips a hop while there is always a next one: sent between the first job's take and the last one's."""
    blocker = submit(deployment, chain([node("sleep", seconds=0.02 * len(graphs))]))  # until all the others are queued
    jobs = [submit(deployment, graph) for graph in graphs]
    finish(deployment, blocker)
    first, *_, last = [_started_at(finish(deployment, job)) for job in jobs]
    settle(worker)
    return sum(first < at <= last for at in worker.sent) / (len(jobs) - 1)


def _started_at(events: list[Event]) -> float:
    return next(event.at for event in events if event.type is EventType.NODE_RUNNING)


def idle(deployment: Deployment, worker: CountedWorker, graphs: list[dict[str, Any]]) -> float:
    """Trips a hop where the worker waits before each. Waits that ran out (one a second) are not in it."""
    before = len(worker.sent)
    for graph in graphs:
        finish(deployment, submit(deployment, graph))
    return (len(worker.sent) - before) / len(graphs)


def settle(worker: CountedWorker) -> None:
    """Until it only waits: wake tokens of entries that came along with a commit are used up."""
    while True:
        before = len(worker.sent)
        time.sleep(0.5)
        if len(worker.sent) - before <= 1:
            return


def say(what: str, trips: float, goal: int) -> None:
    print(f"{what:20s} {trips:.2f} trips a hop  goal {goal} {told(round(trips, 1) <= goal)}", flush=True)


if __name__ == "__main__":
    main()
