"""One node takes the output of another in parts: what each makes is made once, whoever is killed in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import Any

import pytest

from schemas.job import JobRecord
from schemas.refs import TextRef
from schemas.status import NodeStatus
from tests.faults.counts import completed_once
from tests.live import Diary, LiveDeployment, sigkill, wait_for

pytestmark = pytest.mark.timeout(300)
PARTS = 6
LINES = [b"part %d\n" % index for index in range(PARTS)]


def graph(diary: Diary, part_s: float = 0.2, **producer: Any) -> dict[str, Any]:
    """A producer of lines and a consumer that makes a part of each."""
    return {
        "lines": diary.probe("whole", parts=PARTS, part_s=part_s, **producer),
        "louder": {"service": "probe.louder", "params": {"log": str(diary.path)}},
    }


EDGES = [("lines", "louder")]


def content(live: LiveDeployment, record: JobRecord) -> bytes:
    output = record.node("louder").output
    assert output is not None
    return live.deployment.open(TextRef.model_validate(output["file"])).read_bytes()


def check_made_once(live: LiveDeployment, diary: Diary, job: str, again: int = 0) -> JobRecord:
    """Check the result, and that at most ``again`` parts were made a second time."""
    record = completed_once(live, job)
    assert content(live, record) == b"".join(LINES).upper()
    made = [line for line in diary.lines() if line.startswith(("part-", "louder-"))]
    assert set(made) == {f"{name}-{index}" for name in ("part", "louder") for index in range(PARTS)}
    assert len(made) - len(set(made)) <= again, made
    return record


def test_the_consumer_starts_with_the_first_part(live: LiveDeployment, workers: Any, diary: Diary) -> None:
    job = live.submit(graph(diary), EDGES).job
    record = check_made_once(live, diary, job)
    lines = diary.lines()
    assert lines.index("louder-0") < lines.index(f"part-{PARTS - 1}"), lines
    types = [f"{event.type.value} {event.node}" for event in live.deployment.events(job)]
    assert types.index("node.first_part lines") < types.index("node.running louder")
    assert types.index("node.completed lines") < types.index("node.completed louder")
    assert {node.id: node.attempt for node in record.nodes} == {"lines": 1, "louder": 1}, "waiting counted as attempts"
    result = next(
        event.data
        for event in live.deployment.events(job)
        if event.type.value == "node.completed" and event.node == "louder"
    )
    assert [line["text"] for line in result["log"]] == [f"line {index}" for index in range(PARTS)], (
        "reports before a wait"
    )
    assert record.node("louder").metrics == {f"line_{index}": 1 for index in range(PARTS)}
    steps = {name: [step for step, _, _ in points] for name, points in record.node("louder").series.items()}
    assert steps == {f"line_{index}": [index] for index in range(PARTS)}, "the points of every take"


def test_one_worker_runs_them_one_after_the_other(live: LiveDeployment, diary: Diary) -> None:
    if live.standby is not None:
        sigkill(live.standby)
        live.standby = None
    check_made_once(live, diary, live.submit(graph(diary), EDGES).job)
    assert diary.lines().index("louder-0") > diary.lines().index(f"part-{PARTS - 1}")


def test_without_parts_the_result_is_the_same(live: LiveDeployment, diary: Diary) -> None:
    whole = {"service": "probe.data", "params": {"value": "x", "parts": 0, "sign": True}}
    job = live.submit({"lines": whole, "louder": graph(diary)["louder"]}, EDGES).job
    record = completed_once(live, job)
    assert content(live, record).startswith(b"X BY PROCESS")


def test_a_node_takes_parts_of_its_parent_and_of_what_that_is_made_from(
    live: LiveDeployment, workers: Any, diary: Diary
) -> None:
    """The video file takes the sound, from which the animation is still being made."""
    nodes = graph(diary, part_s=0.3)
    nodes["both"] = {"service": "probe.louder", "input": {"file": "$louder.file", "beside": "$lines.file"}}
    job = live.submit(nodes, [*EDGES, ("louder", "both")]).job
    record = check_made_once(live, diary, job)
    output = record.node("both").output
    assert output is not None
    assert live.deployment.open(TextRef.model_validate(output["file"])).read_bytes() == b"".join(LINES).upper()
    types = [f"{event.type.value} {event.node}" for event in live.deployment.events(job)]
    assert types.index("node.first_part both") < types.index("node.completed lines")


def holder(live: LiveDeployment, workers: list[subprocess.Popen[bytes]], job: str, node: str) -> Any:
    """The process of the worker that holds the node's segment, once one does."""

    def held() -> str | None:
        for lease in live.deployment.bus.leases():
            nodes: Any = live.deployment.bus.client.hget(live.deployment.bus.keys.job(job), f"nodes:{lease.segment}")
            if lease.job == job and nodes == node.encode():
                return lease.worker.rpartition(".")[0]
        return None

    name = wait_for(held, what=f"a worker holds {node}")
    return next(process for process in workers if live.await_ready(process) == name)


def await_middle(live: LiveDeployment, job: str) -> None:
    """Wait until the bus has all parts that the gates let through."""
    bus = live.deployment.bus
    wait_for(lambda: (len(bus.parts(job, "lines")), len(bus.parts(job, "louder"))) == (PARTS - 1, 1), what="the middle")


@pytest.mark.parametrize("who", ["lines", "louder"])
@pytest.mark.parametrize("whole_worker", [False, True], ids=["executor", "worker"])
def test_who_is_killed_continues_after_the_last_part(
    live: LiveDeployment, workers: list[Any], diary: Diary, tmp_path: Any, who: str, whole_worker: bool
) -> None:
    gate = tmp_path / "gate"
    nodes = graph(diary, part_s=0.01, part_gate=str(gate))
    nodes["louder"]["params"]["gate"] = str(gate)
    job = live.submit(nodes, EDGES).job
    await_middle(live, job)
    process = holder(live, workers, job, who)
    if whole_worker:
        sigkill(process)
        workers[workers.index(process)] = live.start_role("worker")
    else:
        os.kill(live.executor_of(process), signal.SIGKILL)
    live.await_event(job, "node.retrying", who)
    gate.touch()
    check_made_once(live, diary, job)
    live.worker, live.standby = workers


def test_a_producer_that_fails_ends_its_consumer(live: LiveDeployment, workers: Any, diary: Diary) -> None:
    nodes = graph(diary, part_s=0.05, die_after_parts=3)
    nodes["lines"]["retries"] = {"maxAttempts": 1}
    nodes["louder"]["params"]["gate"] = str(diary.path.with_name("never"))
    record = live.finish(live.submit(nodes, EDGES).job)
    assert {node.id: node.status for node in record.nodes} == {"lines": NodeStatus.FAILED, "louder": NodeStatus.SKIPPED}
    wait_for(lambda: not live.deployment.bus.leases(), what="the consumer's worker is free")


def test_equal_jobs_stream_once(live: LiveDeployment, workers: Any, diary: Diary) -> None:
    nodes = graph(diary, part_s=0.2)
    nodes["lines"]["service"] = "probe.cached"
    jobs = [live.submit(nodes, EDGES).job for _ in range(2)]
    for job in jobs:
        check_made_once(live, diary, job)
    assert sorted(node.cached for job in jobs for node in live.deployment.job(job).nodes) == [False, False, True, True]
    job = live.submit(nodes, EDGES).job
    assert all(node.cached for node in completed_once(live, job).nodes), "the whole output was not found in the cache"


def test_a_consumer_that_outlives_its_producer_is_found_in_the_cache(
    live: LiveDeployment, workers: Any, diary: Diary, tmp_path: Any
) -> None:
    gate = tmp_path / "gate"
    nodes = graph(diary, part_s=0.01)
    nodes["lines"]["service"] = "probe.cached"
    nodes["louder"]["params"]["gate"] = str(gate)
    job = live.submit(nodes, EDGES).job
    wait_for(lambda: diary.count("louder-0"), what="the consumer waits at its gate")
    live.await_event(job, "node.completed", "lines")
    gate.touch()
    check_made_once(live, diary, job)
    again = completed_once(live, live.submit(nodes, EDGES).job)
    assert [node.cached for node in again.nodes] == [True, True]


def test_both_continue_after_the_bus_lost_its_memory(
    live: LiveDeployment, workers: Any, diary: Diary, tmp_path: Any
) -> None:
    gate = tmp_path / "gate"
    nodes = graph(diary, part_s=0.01, part_gate=str(gate))
    nodes["louder"]["params"]["gate"] = str(gate)
    job = live.submit(nodes, EDGES).job
    await_middle(live, job)
    live.deployment.bus.client.flushall()
    gate.touch()
    check_made_once(live, diary, job)


def test_both_continue_after_bus_and_control_plane_were_killed(
    live: LiveDeployment, workers: Any, diary: Diary
) -> None:
    job = live.submit(graph(diary, part_s=0.5), EDGES).job
    wait_for(lambda: diary.count("louder-1"), what="the consumer has made two parts")
    assert live.bus_process is not None and live.control is not None
    sigkill(live.bus_process)
    sigkill(live.control)
    live.ensure()
    check_made_once(live, diary, job)
