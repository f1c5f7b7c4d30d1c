"""Cancelling in every state of a job: it stops, none of its nodes starts later, and other jobs are not affected."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

import pytest

from schemas.status import JobStatus, NodeStatus
from tests.faults.extent import extent
from tests.live import Diary, LiveDeployment, wait_for

STOP_S = 2.0  # the goal; it is printed, because no test depends on timings
PARTS = {f"part-{index}" for index in range(50)}


def queued(live: LiveDeployment, diary: Diary) -> str:
    live.deployment.bus.queues.hold_pool("data.cpu", "test")
    return live.submit({"a": diary.probe("a")}).job


def running(live: LiveDeployment, diary: Diary) -> str:
    job = live.submit({"a": diary.probe("a", sleep_s=60), "b": diary.probe("b")}, [("a", "b")]).job
    wait_for(lambda: diary.count("a"), what="a runs")
    return job


def between_planes(live: LiveDeployment, diary: Diary) -> str:
    nodes = {"a": diary.probe("a", "probe.control"), "b": diary.probe("b", sleep_s=60)}
    job = live.submit(nodes, [("a", "b")]).job
    live.await_event(job, "node.completed", "a")
    return job


def making_parts(live: LiveDeployment, diary: Diary) -> str:
    job = live.submit({"a": diary.probe("a", parts=50, part_s=0.1)}).job
    wait_for(lambda: diary.count("part-2"), what="parts are made")
    return job


def awaiting_an_attempt(live: LiveDeployment, diary: Diary) -> str:
    job = live.submit({"a": {**diary.probe("a", fail_times=10), "retries": {"maxAttempts": 10}}}).job
    live.await_event(job, "node.waiting", "a")
    return job


def awaiting_a_worker(live: LiveDeployment, diary: Diary) -> str:
    job = live.submit({"a": diary.probe("a", "probe.elsewhere")}).job
    live.await_event(job, "node.waiting", "a")
    return job


State = Callable[[LiveDeployment, Diary], str]
STATES: list[State] = [queued, running, between_planes, making_parts, awaiting_an_attempt, awaiting_a_worker]


@pytest.mark.parametrize("round_", range(extent(3, 1)))
@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_a_job_can_be_cancelled_in_every_state(live: LiveDeployment, diary: Diary, state: State, round_: int) -> None:
    try:
        job = state(live, diary)
        began, before = time.monotonic(), diary.lines()
        cancel_and_check(live, job)
    finally:
        live.deployment.bus.queues.resume_pool("data.cpu")
    # The worker is free for other jobs, and no node of the cancelled job starts in between. A part that was in progress
    # may finish, but is not kept.
    assert live.run({"next": diary.probe("next")}).status is JobStatus.COMPLETED
    took_s = time.monotonic() - began
    after = diary.lines()[len(before) :]
    started = {"b"} if state is between_planes else set()  # possibly just before the cancellation
    assert after[-1] == "next" and set(after[:-1]) <= PARTS | started and len(after) <= 3, after
    assert set(before) <= {"a", *PARTS} | started
    print(f"{state.__name__}: the worker was free and had run another job after {took_s:.2f} s (goal: {STOP_S:g})")


def cancel_and_check(live: LiveDeployment, job: str) -> None:
    """Cancel the job and check that it ends as cancelled, with no lease left."""
    assert live.deployment.cancel(job) is True
    record = live.finish(job)
    wait_for(lambda: job not in [held.job for held in live.deployment.bus.leases()], what="its leases are released")
    assert record.status is JobStatus.CANCELLED
    assert {node.status for node in record.nodes} <= {NodeStatus.CANCELLED, NodeStatus.COMPLETED}
    assert live.deployment.cancel(job) is False


@pytest.mark.parametrize("round_", range(extent(2, 1)))
@pytest.mark.parametrize("cancelled", ["owner", "waiter"])
def test_jobs_that_share_the_computation_continue(
    live: LiveDeployment, diary: Diary, cancelled: str, round_: int
) -> None:
    second = live.start_role("worker")
    try:
        live.await_ready(second)
        value = f"shared-{secrets.token_hex(4)}"
        node = diary.probe(value, "probe.cached", sleep_s=2.0)
        owner = live.submit({"a": node}).job
        wait_for(lambda: diary.count(value), what="the owner runs the node")
        waiters = [live.submit({"a": node}).job for _ in range(3)]
        for waiter in waiters:
            live.await_event(waiter, "node.waiting", "a")
        gone = owner if cancelled == "owner" else waiters[1]
        assert live.deployment.cancel(gone) is True
        others = [job for job in (owner, *waiters) if job != gone]
        assert [live.finish(job).status for job in others] == [JobStatus.COMPLETED] * 3
        assert live.finish(gone).status is JobStatus.CANCELLED
        assert diary.count(value) == (2 if cancelled == "owner" else 1)
    finally:
        second.terminate()
        second.wait(30)
