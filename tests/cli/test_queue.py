"""``workbench queue`` and ``workbench job retry``, as an operator types them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli.program import Program
from tests.stack.conditions import wait_for

pytestmark = [pytest.mark.stack, pytest.mark.slow]


@pytest.fixture
def paused(program: Program, first: dict[str, Any]) -> Iterator[Program]:
    """A deployment with a paused data pool. The first job has run, so these tests must avoid cache hits."""
    program.run("queue", "pause", "cpu", "--why", "new disks")
    yield program
    program.run("queue", "resume", "cpu")


def test_an_idle_deployment_reports_empty_queues(program: Program) -> None:
    assert "Nothing is queued, running or waiting." in program.run("queue")

    def workers() -> dict[str, int]:
        return {pool["pool"]: len(pool["workers"]) for pool in program.json("queue", "show")["pools"]}

    # A worker that another test killed is listed beside its successor until its announcement expires.
    alone = wait_for(lambda: (found := workers()) and set(found.values()) == {1} and found)
    assert set(alone) >= {"control", "data.cpu"}
    view = program.json("queue", "show")
    assert view["phase"] == "open"
    assert program.json("queue")["epoch"] == view["epoch"]


def test_jobs_of_a_paused_pool_are_shown_and_continue_after_resume(paused: Program) -> None:
    job = paused.json("run", "talking_head", "--portrait", "sample", "--script", "Paused.", "--detach")
    assert job["unserved"] == []
    shown = paused.run("queue")
    assert "paused: new disks" in shown
    cpu = next(pool for pool in paused.json("queue")["pools"] if pool["pool"] == "data.cpu")
    assert cpu["depths"]["interactive"] >= 1 and cpu["oldestS"] > 0
    paused.run("job", "cancel", job["jobId"])


def test_a_cancelled_job_is_retried_as_a_new_one(paused: Program) -> None:
    job = paused.json("run", "talking_head", "--portrait", "sample", "--script", "Again.", "--detach")["jobId"]
    refused = paused.try_("job", "retry", job, "--json")
    assert (refused.code, refused.error["code"]) == (2, "job.not_final")
    paused.run("job", "cancel", job)
    again = paused.json("job", "retry", job, "--detach")["jobId"]
    assert again != job
    assert again in paused.run("job", "list")
    paused.run("job", "cancel", again)


def test_a_job_that_completed_has_nothing_to_retry(program: Program, first: dict[str, str]) -> None:
    refused = program.try_("job", "retry", first["jobId"], "--json")
    assert (refused.code, refused.error["code"]) == (2, "job.nothing_to_retry")
    assert "rerun" in refused.error["details"]["remedy"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("queue", "pause", "gpu"), "pool.unknown"),
        (("queue", "drain", "nobody"), "worker.unknown"),
        (("queue", "purge"), "settings.invalid"),
        (("queue", "purge", "nothing"), "job.unknown"),
        (("queue", "retry", "nothing"), "job.unknown"),
    ],
)
def test_an_unknown_name_is_refused_with_the_known_ones(
    program: Program, arguments: tuple[str, ...], code: str
) -> None:
    refused = program.try_(*arguments, "--json")
    assert (refused.code, refused.error["code"]) == (2, code)
    assert refused.error["details"]["remedy"]


def test_an_empty_list_of_dead_letters_is_reported(program: Program) -> None:
    assert program.run("queue", "retry").strip() == "There are no dead letters."
    assert program.json("queue", "purge", "--all") == {"purged": 0}
