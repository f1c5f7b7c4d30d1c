"""A draining worker finishes its node or returns it, without the cost of an attempt."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator

import pytest

from schemas.status import JobStatus
from tests.live import Diary, LiveDeployment, sigkill, wait_for
from workbench.bus.results import OperatorHolds
from workbench.client.queues import drain

pytestmark = [pytest.mark.stack, pytest.mark.slow]


@pytest.fixture
def draining(live: LiveDeployment) -> Iterator[subprocess.Popen[bytes]]:
    """The only data worker, with two seconds to drain; afterwards the usual worker restarts."""
    assert live.worker is not None
    live.worker.terminate()
    live.worker.wait(30)
    live.worker = live.start_role("worker", WORKBENCH_DRAIN_S="2")
    live.await_ready(live.worker)
    yield live.worker
    sigkill(live.worker)


def test_a_running_node_is_finished(live: LiveDeployment, diary: Diary, draining: subprocess.Popen[bytes]) -> None:
    job = live.submit({"a": diary.probe("a", sleep_s=1.0), "b": diary.probe("b")}, [("a", "b")]).job
    wait_for(lambda: diary.count("a"), what="a runs")
    draining.terminate()
    assert draining.wait(20) == 0
    assert live.await_event(job, "node.completed", "a").data["attempt"] == 1
    assert diary.lines() == ["a"], "the next node was not returned"
    live.ensure()
    record = live.finish(job)
    assert record.status is JobStatus.COMPLETED
    assert diary.lines() == ["a", "b"]
    assert [node.attempt for node in record.nodes] == [1, 1]


def test_a_node_that_takes_too_long_is_returned(
    live: LiveDeployment, diary: Diary, draining: subprocess.Popen[bytes]
) -> None:
    job = live.submit({"a": diary.probe("a", parts=40, part_s=0.2)}).job
    wait_for(lambda: diary.count("part-2"), what="parts are made")
    draining.terminate()
    assert draining.wait(30) == 0
    assert live.deployment.bus.leases() == []
    made = diary.lines()
    assert 3 < len(made) < 30
    live.ensure()
    record = live.finish(job)
    assert record.status is JobStatus.COMPLETED
    assert record.node("a").attempt == 1, "the attempt was counted"
    assert diary.count("part-1") == 1


def test_a_worker_drained_by_an_operator_exits(
    live: LiveDeployment, diary: Diary, draining: subprocess.Popen[bytes]
) -> None:
    name = live.await_ready(draining)
    drain(live.deployment, name)
    assert draining.wait(30) == 0
    assert name not in live.deployment.bus.queues.workers()
    assert live.deployment.bus.queues.held() == OperatorHolds({}, frozenset())


def test_each_line_about_a_node_names_job_node_and_fence(live: LiveDeployment, diary: Diary) -> None:
    job = live.run({"a": {**diary.probe("a", fail_times=9), "retries": {"maxAttempts": 2}}}).id
    lines = [line for line in live.log().splitlines() if job in line and "node failed" in line]
    assert len(lines) == 2
    for line in lines:
        plain = re.sub(r"\x1b\[[0-9;]*m", "", line)
        assert all(word in plain for word in (f"job={job}", "node=a", "fence=", "attempt=", "verdict=")), plain
