"""A worker is killed in the middle of a node, again and again: every job is done, every node completed once, soon."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest

from tests.faults.counts import await_working, completed_once, events_of, holder
from tests.faults.extent import extent
from tests.live import LEASE_S, Diary, LiveBench, sigkill, wait_for

pytestmark = pytest.mark.timeout(1200)
KILLS = extent(20, 2)
GOAL_S = 1.5 * LEASE_S
BOUND_S = GOAL_S + 5.0  # for a machine that is busy with other things


@pytest.fixture
def standing_by(live: LiveBench) -> Iterator[LiveBench]:
    """A second data worker beside ``live.worker``."""
    second = live.start_role("worker")
    live.await_ready(second)
    live.standby = second  # type: ignore[attr-defined]
    yield live
    sigkill(live.standby)  # type: ignore[attr-defined]


def report(what: str, times: list[float]) -> None:
    within = sum(seconds <= GOAL_S for seconds in times)
    print(f"{what}: {len(times)} of {KILLS} jobs done, taken over within {GOAL_S:g} s: {within}; seconds:", end=" ")
    print(" ".join(f"{seconds:.2f}" for seconds in times))
    assert len(times) == KILLS
    assert max(times) <= BOUND_S


def other_jobs(live: LiveBench, diary: Diary, kill: int) -> list[str]:
    """Traffic under every other kill; none under the rest: there nothing else can wake anybody."""
    if kill % 2 == 0:
        return []
    names = [f"other-{kill}-{index}" for index in range(3)]
    return [live.submit({"n": diary.probe(name, "probe.control", sleep_s=0.2)}).job for name in names]


def test_another_worker_takes_over_from_a_killed_one(standing_by: LiveBench, diary: Diary) -> None:
    live = standing_by
    times = []
    for kill in range(KILLS):
        job = live.submit({"n": diary.probe(f"n{kill}", sleep_s=1.0)}).job
        _, slot = await_working(live, job)
        workers = [live.worker, live.standby]  # type: ignore[attr-defined]
        victim = holder(workers, live, slot)
        others = other_jobs(live, diary, kill)
        sigkill(victim)
        killed_at = time.time()
        live.worker = next(process for process in workers if process is not victim)
        # Asks SQL, not the bus: nothing here may wake a worker.
        record = completed_once(live, job)
        again = events_of(live, job, "node.running")[1]
        assert [event.data["error"]["code"] for event in events_of(live, job, "node.retrying")] == ["node.worker_lost"]
        assert again.data["worker"] != slot and record.node("n").worker == again.data["worker"]
        assert diary.count(f"n{kill}") == 2
        times.append(again.at - killed_at)
        for other in others:
            completed_once(live, other)
        live.standby = live.start_role("worker")  # type: ignore[attr-defined]
        live.await_ready(live.standby)  # type: ignore[attr-defined]
    report("worker killed", times)


def test_a_killed_executor_is_a_failed_attempt_at_once(live: LiveBench, diary: Diary) -> None:
    assert live.worker is not None
    times = []
    for kill in range(KILLS):
        job = live.submit({"n": diary.probe(f"n{kill}", sleep_s=1.0)}).job
        await_working(live, job)
        wait_for(lambda kill=kill: diary.count(f"n{kill}") == 1)  # type: ignore[misc]
        others = other_jobs(live, diary, kill)
        os.kill(live.executor_of(live.worker), signal.SIGKILL)
        killed_at = time.time()
        completed_once(live, job)
        assert [event.data["error"]["code"] for event in events_of(live, job, "node.retrying")] == ["node.crashed"]
        assert diary.count(f"n{kill}") == 2
        times.append(events_of(live, job, "node.running")[1].at - killed_at)
        for other in others:
            completed_once(live, other)
    report("executor killed", times)
