"""Fault 15: workers of different versions, and services that nobody offers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from schemas.status import JobStatus
from tests.live import Diary, LiveBench, sigkill, wait_for


@pytest.fixture
def older(live: LiveBench) -> Iterator[str]:
    """A second worker whose probe.data is of an older version; its name."""
    process = live.start_role("worker", WORKBENCH_NODE_MODULES="tests.engine.older_nodes")
    try:
        yield live.await_ready(process)
    finally:
        sigkill(process)


def test_a_node_goes_only_where_its_version_is(live: LiveBench, diary: Diary, older: str) -> None:
    jobs = [live.submit({"a": diary.probe(f"a{index}")}).job for index in range(12)]
    records = [live.finish(job) for job in jobs]
    assert [record.status for record in records] == [JobStatus.COMPLETED] * 12
    assert not [record.id for record in records if record.node("a").worker.startswith(older)]
    assert [record.node("a").attempt for record in records] == [1] * 12, "nobody tried in vain"


def test_a_service_that_nobody_offers_is_said_at_submit_and_on_the_job(live: LiveBench, diary: Diary) -> None:
    accepted = live.submit({"a": diary.probe("a"), "b": diary.probe("b", "probe.elsewhere")}, [("a", "b")])
    assert accepted.unserved == ("probe.elsewhere 1.0.0",)
    event = live.await_event(accepted.job, "node.waiting", "b")
    assert event.data["reason"] == "no_worker"
    assert event.data["services"] == ["probe.elsewhere 1.0.0"]
    wait_for(lambda: live.bench.job(accepted.job).status is JobStatus.WAITING, what="the record says that it waits")
    worker = live.start_role("worker", "--pool", "elsewhere")
    try:
        record = live.finish(accepted.job)
        assert record.status is JobStatus.COMPLETED
        assert (diary.count("a"), diary.count("b")) == (1, 1)
    finally:
        sigkill(worker)


def test_a_job_whose_version_left_waits_for_its_return(live: LiveBench, diary: Diary, older: str) -> None:
    assert live.worker is not None
    live.worker.terminate()  # it says that it leaves
    live.worker.wait(30)
    try:
        accepted = live.submit({"a": diary.probe("a")})
        live.await_event(accepted.job, "node.waiting", "a")
        assert diary.lines() == []
    finally:
        live.ensure()
    assert live.finish(accepted.job).status is JobStatus.COMPLETED
