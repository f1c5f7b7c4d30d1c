"""Jobs survive crashes of any process, and finished nodes do not run again."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from schemas.job import JobRecord
from schemas.status import JobStatus
from tests.live import Diary, LiveDeployment, sigkill, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.slow]
PARTS = 12


def parts_made(diary: Diary) -> list[str]:
    return [line for line in diary.lines() if line.startswith("part-")]


def check_whole(live: LiveDeployment, record: JobRecord, node: str) -> None:
    """Check that the file of a node with parts has each part once, in order."""
    from schemas.refs import TextRef

    output = record.node(node).output
    assert output is not None
    ref = TextRef.model_validate(output["file"])
    lines = live.deployment.open(ref).read_text().splitlines()
    assert lines == [f"part {index}" for index in range(PARTS)]


def long_chain(diary: Diary) -> tuple[dict[str, Any], list[tuple[str, ...]]]:
    nodes = {
        "a": diary.probe("a"),
        "b": diary.probe("b", parts=PARTS, part_s=0.15),
        "c": diary.probe("c", "probe.control"),
    }
    return nodes, [("a", "b"), ("b", "c")]


def test_parts_are_kept_when_the_executor_is_killed(live: LiveDeployment, diary: Diary) -> None:
    assert live.worker is not None
    job = live.submit(*long_chain(diary)).job
    wait_for(lambda: len(parts_made(diary)) >= 4)
    os.kill(live.executor_of(live.worker), signal.SIGKILL)
    record = live.finish(job)
    assert record.status is JobStatus.COMPLETED
    assert diary.count("a") == diary.count("c") == 1
    assert diary.count("b") == 2
    check_parts_made_about_once(diary)
    check_whole(live, record, "b")
    assert record.node("b").attempt == 2


def check_parts_made_about_once(diary: Diary) -> None:
    """Check that at most the part in progress and one not yet reported were produced twice."""
    made = parts_made(diary)
    assert set(made) == {f"part-{index}" for index in range(PARTS)}
    assert len(made) <= PARTS + 2, made


def test_another_worker_takes_over_from_a_killed_one(live: LiveDeployment, diary: Diary) -> None:
    assert live.worker is not None
    first, second = live.worker, live.start_role("worker")
    live.worker = second
    names = {live.await_ready(process): process for process in (first, second)}
    job = live.submit(*long_chain(diary)).job
    wait_for(lambda: len(parts_made(diary)) >= 4)
    started = live.await_event(job, "node.running", "b")
    victim = next(process for name, process in names.items() if started.data["worker"].startswith(name))
    live.worker = second if victim is first else first
    sigkill(victim)
    record = live.finish(job)
    assert record.status is JobStatus.COMPLETED
    assert diary.count("a") == diary.count("c") == 1, "a finished node ran again"
    assert diary.count("b") == 2
    check_parts_made_about_once(diary)
    check_whole(live, record, "b")
    assert record.node("a").worker != record.node("b").worker
    retried = [event for event in live.deployment.events(job) if event.type.value == "node.retrying"]
    assert [event.data["error"]["code"] for event in retried] == ["node.worker_lost"]


def test_jobs_finish_when_the_control_plane_is_killed(live: LiveDeployment, diary: Diary) -> None:
    assert live.control is not None
    job = live.submit(*long_chain(diary)).job
    wait_for(lambda: len(parts_made(diary)) >= 3)
    sigkill(live.control)
    another = live.submit({"z": diary.probe("z", "probe.control")}).job  # accepted while no worker can run it
    live.ensure()
    assert live.finish(job).status is JobStatus.COMPLETED
    assert live.finish(another).status is JobStatus.COMPLETED
    assert [diary.count(name) for name in "abcz"] == [1, 1, 1, 1]


def test_a_restarted_bus_loses_nothing(live: LiveDeployment, diary: Diary) -> None:
    assert live.bus_process is not None
    jobs = [live.submit(*long_chain(diary)).job]  # type: ignore[arg-type]
    jobs += [live.submit({"z": diary.probe(f"z{index}", "probe.control")}).job for index in range(3)]
    waiting = live.submit({"y": diary.probe("y")}).job  # queued after b for the only worker
    wait_for(lambda: len(parts_made(diary)) >= 3)
    epoch = live.deployment.bus.marker().epoch
    sigkill(live.bus_process)
    live.start_bus()
    for job in [*jobs, waiting]:
        assert live.finish(job).status is JobStatus.COMPLETED
    assert {name: diary.count(name) for name in ("a", "b", "c", "y")} == dict.fromkeys("abcy", 1)
    assert parts_made(diary) == [f"part-{index}" for index in range(PARTS)]
    assert live.deployment.bus.marker().epoch == epoch + 1


def test_jobs_survive_a_bus_that_lost_all_memory(live: LiveDeployment, diary: Diary) -> None:
    assert live.bus_process is not None
    job = live.submit(*long_chain(diary)).job
    waiting = live.submit({"y": diary.probe("y")}).job
    wait_for(lambda: len(parts_made(diary)) >= 3)
    wait_for(
        lambda: any(event.node == "a" for event in live.deployment.events(job) if event.type.value == "node.completed")
    )
    # Killed first: the next test covers a wiped server that keeps running.
    sigkill(live.bus_process)
    for path in (live.home / "bus").rglob("appendonly*.aof*"):
        if path.is_file():
            path.unlink()
    live.start_bus()
    record = live.finish(job)
    assert record.status is JobStatus.COMPLETED
    assert live.finish(waiting).status is JobStatus.COMPLETED
    assert {name: diary.count(name) for name in ("a", "b", "c", "y")} == dict.fromkeys("abcy", 1)
    assert parts_made(diary) == [f"part-{index}" for index in range(PARTS)]
    check_whole(live, record, "b")


def test_jobs_survive_a_flushed_bus_that_keeps_running(live: LiveDeployment, diary: Diary) -> None:
    job = live.submit(*long_chain(diary)).job
    wait_for(lambda: len(parts_made(diary)) >= 3)
    wait_for(
        lambda: any(event.node == "a" for event in live.deployment.events(job) if event.type.value == "node.completed")
    )
    live.deployment.bus.client.flushall()
    record = live.finish(job)
    assert record.status is JobStatus.COMPLETED
    assert {name: diary.count(name) for name in "abc"} == dict.fromkeys("abc", 1)
    check_whole(live, record, "b")


def test_a_worker_that_cannot_continue_reports_it_and_exits(live: LiveDeployment, diary: Diary) -> None:
    """A half-working worker is worse than none: it would keep its slot and announce itself forever."""
    assert live.worker is not None and live.control is not None
    bus = live.deployment.bus
    queue = bus.keys.queue("data.cpu", "front")
    live.control.send_signal(signal.SIGSTOP)  # its reconciler also reads the queue heads and would exit as well
    bus.client.set(queue, "of another type")
    try:
        wait_for(lambda: live.worker is not None and live.worker.poll() is not None, 30, "the worker ended")
        assert live.worker.poll() == 1
    finally:
        bus.client.delete(queue)
        live.control.send_signal(signal.SIGCONT)
    live.ensure()
    assert live.run({"a": diary.probe("a")}).status is JobStatus.COMPLETED


def test_a_store_that_refuses_a_worker_fails_its_nodes_but_not_the_worker(live: LiveDeployment, diary: Diary) -> None:
    assert live.worker is not None
    sigkill(live.worker)
    live.worker = live.start_role("worker", WORKBENCH_S3_SECRET_KEY="not-the-key")
    live.await_ready(live.worker)
    try:
        node = {**diary.probe("a", parts=1), "retries": {"maxAttempts": 2}}
        record = live.finish(live.submit({"a": node}).job)
        error = record.node("a").error
        assert record.status is JobStatus.FAILED
        assert error is not None and error.code == "store.refused"
        assert error.details["node"] == "a" and error.details["remedy"]
        assert diary.count("a") == 2
        assert live.run({"b": diary.probe("b")}).status is JobStatus.COMPLETED
    finally:
        sigkill(live.worker)
