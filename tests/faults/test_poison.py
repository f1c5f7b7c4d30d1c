"""A poison job among healthy jobs: it ends as a dead letter with its log, and the other jobs finish."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.job import JobRecord
from schemas.status import JobStatus
from tests.faults.extent import extent
from tests.live import Diary, LiveDeployment
from workbench.client.queues import queue_view, retry_all
from workbench.client.rerun import retry
from workbench.store.dead_letters import DeadLetters

ATTEMPTS = 3  # the default
POISONS: dict[str, dict[str, Any]] = {
    "exception": {"code": "node.failed", "params": {"fail_times": 10**6}},
    "segfault": {"code": "node.crashed", "params": {"die_times": 10**6}},
    "memory": {"code": "node.failed", "params": {"eat_memory": True}},
    "endless": {"code": "node.timeout", "service": "probe.hasty", "params": {"hold_gil_s": 600}},
}


def poison(diary: Diary, kind: str) -> dict[str, Any]:
    node = diary.probe(f"poison-{kind}", POISONS[kind].get("service", "probe.data"))
    node["params"].update(POISONS[kind]["params"])
    return node


@pytest.mark.parametrize("kind", POISONS)
def test_poison_becomes_a_dead_letter_and_the_other_jobs_finish(live: LiveDeployment, diary: Diary, kind: str) -> None:
    healthy = extent(49, 5)
    jobs = [live.submit({"n": diary.probe(f"n{index}")}).job for index in range(healthy)]
    bad = live.submit({"p": poison(diary, kind), "after": diary.probe("after")}, [("p", "after")]).job
    records = [live.finish(job) for job in jobs]
    assert [record.status for record in records] == [JobStatus.COMPLETED] * healthy
    assert [diary.count(f"n{index}") for index in range(healthy)] == [1] * healthy, "each node ran once"
    check_given_up(live, diary, live.finish(bad), kind)
    print(f"{kind}: {healthy} of {healthy} other jobs done, {diary.count(f'poison-{kind}')} attempts")


def check_given_up(live: LiveDeployment, diary: Diary, record: JobRecord, kind: str) -> None:
    assert record.status is JobStatus.FAILED
    assert diary.count(f"poison-{kind}") == ATTEMPTS
    assert diary.count("after") == 0
    (letter,) = DeadLetters(live.deployment.store.database).list(job=record.id)
    assert (letter.node, letter.attempt, letter.code) == ("p", ATTEMPTS, POISONS[kind]["code"])
    # A node that holds the GIL prints nothing; for the others, the end of their output is kept.
    assert letter.error.details["log"] or kind == "endless"
    assert [one.job for one in queue_view(live.deployment).dead_letters].count(record.id) == 1


def test_a_retried_dead_letter_continues_where_it_failed(live: LiveDeployment, diary: Diary) -> None:
    nodes = {
        "before": diary.probe("before"),
        "p": diary.probe("p", fail_times=ATTEMPTS),
        "after": diary.probe("after"),
    }
    record = live.run(nodes, [("before", "p"), ("p", "after")])
    assert record.status is JobStatus.FAILED
    assert record.id in [letter.job for letter in DeadLetters(live.deployment.store.database).list()]
    done = live.finish(retry(live.deployment, record.id).job)
    assert done.status is JobStatus.COMPLETED
    assert done.parent == record.id
    assert (diary.count("before"), diary.count("p"), diary.count("after")) == (1, ATTEMPTS + 1, 1)
    assert DeadLetters(live.deployment.store.database).list(job=record.id) == []
    assert live.deployment.job(record.id).status is JobStatus.FAILED, "the final status changed"


def test_all_dead_letters_can_be_retried_at_once(live: LiveDeployment, diary: Diary) -> None:
    DeadLetters(live.deployment.store.database).remove()
    failed = [live.run({"p": {**diary.probe(f"p{i}", fail_times=1), "retries": {"maxAttempts": 1}}}) for i in range(2)]
    assert {record.status for record in failed} == {JobStatus.FAILED}
    jobs = retry_all(live.deployment)
    assert [live.finish(job).status for job in jobs] == [JobStatus.COMPLETED] * 2
    assert DeadLetters(live.deployment.store.database).count() == 0
