"""A worker is killed repeatedly in the middle of a node: every job finishes soon, and every node completes once."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import pytest

from tests.faults.counts import await_working, completed_once, events_of, holder
from tests.faults.extent import extent
from tests.live import LEASE_S, Diary, LiveDeployment, sigkill, wait_for

pytestmark = pytest.mark.timeout(1200)
KILLS = extent(20, 2)
GOAL_S = 1.5 * LEASE_S
BOUND_S = GOAL_S + 5.0  # for a busy machine


def report(what: str, times: list[float]) -> None:
    within = sum(seconds <= GOAL_S for seconds in times)
    print(f"{what}: {len(times)} of {KILLS} jobs done, taken over within {GOAL_S:g} s: {within}; seconds:", end=" ")
    print(" ".join(f"{seconds:.2f}" for seconds in times))
    assert len(times) == KILLS
    assert max(times) <= BOUND_S


def other_jobs(live: LiveDeployment, diary: Diary, kill: int) -> list[str]:
    """Submit traffic for every second kill; without traffic, nothing else can wake a worker."""
    if kill % 2 == 0:
        return []
    names = [f"other-{kill}-{index}" for index in range(3)]
    return [live.submit({"n": diary.probe(name, "probe.control", sleep_s=0.2)}).job for name in names]


def test_another_worker_takes_over_from_a_killed_one(
    live: LiveDeployment, diary: Diary, workers: list[subprocess.Popen[bytes]]
) -> None:
    times = []
    for kill in range(KILLS):
        job = live.submit({"n": diary.probe(f"n{kill}", sleep_s=1.0)}).job
        _, slot = await_working(live, job)
        victim = holder(workers, live, slot)
        others = other_jobs(live, diary, kill)
        sigkill(victim)
        killed_at = time.time()
        times.append(await_done_elsewhere(live, diary, job, f"n{kill}", slot, "node.worker_lost") - killed_at)
        for other in others:
            completed_once(live, other)
        workers[workers.index(victim)] = replacement = live.start_role("worker")
        live.await_ready(replacement)
    report("worker killed", times)


def test_another_worker_takes_over_from_a_killed_executor(
    live: LiveDeployment, diary: Diary, workers: list[subprocess.Popen[bytes]]
) -> None:
    """The supervisor survives and returns the segment at once; its own next executor must start first."""
    times = []
    for kill in range(KILLS):
        wait_for(lambda: both_work(live), what="the last killed executor is replaced")
        job = live.submit({"n": diary.probe(f"n{kill}", sleep_s=1.0)}).job
        _, slot = await_working(live, job)
        victim = holder(workers, live, slot)
        executor = live.executor_of(victim)
        others = other_jobs(live, diary, kill)
        os.kill(executor, signal.SIGKILL)
        killed_at = time.time()
        times.append(await_done_elsewhere(live, diary, job, f"n{kill}", slot, "node.crashed") - killed_at)
        for other in others:
            completed_once(live, other)
    report("executor killed", times)


def await_done_elsewhere(live: LiveDeployment, diary: Diary, job: str, value: str, slot: str, code: str) -> float:
    """The time at which the node restarted on another worker. Reads SQL, not the bus, so that it wakes no worker."""
    record = completed_once(live, job)
    first, again = events_of(live, job, "node.running")
    assert [event.data["error"]["code"] for event in events_of(live, job, "node.retrying")] == [code]
    assert first.data["worker"] == slot != again.data["worker"] == record.node("n").worker
    assert diary.count(value) == 2, "the worker was not killed in the middle of the node"
    return again.at


def both_work(live: LiveDeployment) -> bool:
    """Whether two concurrent jobs run on two workers."""
    jobs = [live.submit({"n": {"service": "probe.data", "params": {"sleep_s": 0.3}}}).job for _ in range(2)]
    return len({live.finish(job).node("n").worker for job in jobs}) == 2
