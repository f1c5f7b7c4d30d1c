"""Watching a job: every event once, in order, from any cursor, even if the watcher or the bus restarts."""

from __future__ import annotations

import threading

import pytest

from schemas.event import Event
from schemas.status import JobStatus
from tests.live import Diary, LiveDeployment, sigkill, wait_for

pytestmark = pytest.mark.stack


def watched(live: LiveDeployment, job: str, after: str = "0-0") -> list[Event]:
    return [event for update in live.deployment.watch(job, after) for event in update.events]


def run_job(live: LiveDeployment, diary: Diary) -> str:
    nodes = {"a": diary.probe("a"), "b": diary.probe("b", fail_times=1), "c": diary.probe("c", "probe.control")}
    return live.submit(nodes, [("a", "b"), ("b", "c")]).job


def test_a_watcher_sees_what_sql_records(live: LiveDeployment, diary: Diary) -> None:
    job = run_job(live, diary)
    seen = watched(live, job)
    live.finish(job)
    assert [event.type.value for event in seen] == [
        "job.accepted",
        "node.running",
        "node.completed",
        "node.running",
        "node.retrying",
        "node.running",
        "node.completed",
        "node.running",
        "node.completed",
        "job.completed",
    ]
    assert [event.seq for event in seen] == list(range(1, 11))
    assert live.deployment.events(job) == seen


def test_a_watcher_continues_from_any_cursor(live: LiveDeployment, diary: Diary) -> None:
    job = run_job(live, diary)
    everything = watched(live, job)
    live.finish(job)
    for index, event in enumerate(everything):
        assert watched(live, job, event.cursor) == everything[index + 1 :]


def test_a_watcher_of_a_forgotten_job_reads_sql(live: LiveDeployment, diary: Diary) -> None:
    job = run_job(live, diary)
    everything = watched(live, job)
    live.finish(job)
    bus = live.deployment.bus
    wait_for(lambda: not bus.knows(job))
    bus.client.delete(bus.keys.events(job))  # as it expires after a minute
    for index in (0, 4, len(everything) - 1):
        assert watched(live, job, everything[index].cursor) == everything[index + 1 :]


def test_a_watcher_whose_cursor_is_at_the_end_finishes(live: LiveDeployment, diary: Diary) -> None:
    job = live.submit({"a": diary.probe("a")}).job
    last = watched(live, job)[-1]
    live.finish(job)
    ended = threading.Event()

    def read() -> None:
        assert watched(live, job, last.cursor) == []
        ended.set()

    threading.Thread(target=read, daemon=True).start()
    assert ended.wait(15), "it waits forever for an event before its cursor"


@pytest.mark.slow
def test_a_watcher_survives_a_restart_of_the_bus(live: LiveDeployment, diary: Diary) -> None:
    assert live.bus_process is not None
    job = live.submit({"a": diary.probe("a", sleep_s=3), "b": diary.probe("b")}, [("a", "b")]).job
    live.await_event(job, "node.running", "a")
    seen: list[Event] = []
    away: list[bool] = []

    def read() -> None:
        for update in live.deployment.watch(job):
            seen.extend(update.events)
            away.append(update.bus_away)

    watcher = threading.Thread(target=read, daemon=True)
    watcher.start()
    wait_for(lambda: len(seen) >= 2)
    sigkill(live.bus_process)
    wait_for(lambda: any(away))
    live.start_bus()
    assert live.finish(job).status is JobStatus.COMPLETED
    watcher.join(20)
    assert not watcher.is_alive()
    assert seen == live.deployment.events(job)
    assert [event.node for event in seen if event.type.value == "node.completed"] == ["a", "b"]
    assert {event.epoch for event in seen[:2]} != {seen[-1].epoch}
