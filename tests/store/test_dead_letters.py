"""Dead letters: nodes that failed their last attempt although a retry could have helped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete

from schemas.errors import ErrorInfo
from schemas.event import Event, EventType
from schemas.status import NodeStatus
from tests.store.samples import failed, make_job, plain
from workbench.settings import Settings
from workbench.store.dead_letters import DeadLetters
from workbench.store.jobs import JobStore
from workbench.store.tables import jobs


@pytest.fixture
def store(tmp_path: Path, sql_url: str) -> Iterator[JobStore]:
    store = JobStore.open(Settings(home=tmp_path, sql_url=sql_url))
    yield store
    store.close()


@pytest.fixture
def letters(store: JobStore) -> DeadLetters:
    return DeadLetters(store.database)


def last_failure_events(
    store: JobStore, job_id: str = "", node: str = "script", at: float = 1_700_000_003.0
) -> list[Event]:
    """Record a job whose node failed twice in SQL; return its events."""
    job = make_job(job_id)
    store.create(job)
    events = [
        failed(job.id, 1, node, retry=True, again=True, attempt=1),
        failed(job.id, 2, node, again=True, attempt=2).model_copy(update={"at": at}),
    ]
    store.apply(events)
    return events


def test_a_node_that_fails_its_last_attempt_is_a_dead_letter(store: JobStore, letters: DeadLetters) -> None:
    (event, _) = last_failure_events(store)
    (letter,) = letters.list(10)
    assert (letter.job, letter.node) == (event.job, "script")
    assert (letter.service, letter.version) == ("generate.script", "1.0.0")
    assert (letter.code, letter.message) == ("node.failed", "the face was lost")
    assert (letter.attempt, letter.worker, letter.at) == (2, "w1", 1_700_000_003.0)
    assert letters.count() == 1


def test_a_dead_letter_holds_the_whole_error_with_the_log(store: JobStore, letters: DeadLetters) -> None:
    job = make_job()
    store.create(job)
    error = ErrorInfo(message="out of memory", code="node.crashed", details={"log": ["loading", "Killed"]})
    data = {"error": error.model_dump(mode="json", by_alias=True), "again": True, "worker": "w2", "attempt": 3}
    store.apply([plain(job.id, 1, EventType.NODE_FAILED, "video", **data)])
    (letter,) = letters.list(10)
    assert (letter.error, letter.code, letter.worker) == (error, "node.crashed", "w2")


def test_an_attempt_followed_by_a_retry_is_no_dead_letter(store: JobStore, letters: DeadLetters) -> None:
    job = make_job()
    store.create(job)
    store.apply([failed(job.id, 1, "script", retry=True, again=True)])
    assert letters.count() == 0


def test_a_failure_that_no_retry_could_fix_is_no_dead_letter(store: JobStore, letters: DeadLetters) -> None:
    job = make_job()
    store.create(job)
    store.apply([failed(job.id, 1, "script")])
    found = store.get(job.id)
    assert found is not None and found.node("script").status is NodeStatus.FAILED
    assert letters.count() == 0


def test_recording_again_adds_and_restores_no_dead_letter(store: JobStore, letters: DeadLetters) -> None:
    events = last_failure_events(store)
    store.apply(events)
    store.apply(events[1:])
    assert letters.count() == 1
    assert letters.remove() == 1
    store.apply(events)
    assert letters.count() == 0


def test_the_same_failure_in_a_later_epoch_replaces_it(store: JobStore, letters: DeadLetters) -> None:
    (*_, last) = last_failure_events(store)
    later = last.model_copy(update={"epoch": 2, "seq": 1, "at": 1_700_000_099.0})
    store.apply([later])
    store.apply([last.model_copy(update={"seq": 9})])  # a late event of the earlier epoch
    (letter,) = letters.list(10)
    assert letter.at == 1_700_000_099.0


def test_an_unreadable_dead_letter_is_kept(store: JobStore, letters: DeadLetters) -> None:
    job = make_job()
    store.create(job)
    unreadable: Any = {"error": "no object", "again": True}
    store.apply([plain(job.id, 1, EventType.NODE_FAILED, "script", **unreadable)])
    (letter,) = letters.list(10)
    assert (letter.code, letter.attempt) == ("node.bad_output", 0)


def test_the_newest_are_listed_first_and_by_job(store: JobStore, letters: DeadLetters) -> None:
    for index in range(3):
        last_failure_events(store, f"job{index}", at=1000.0 + index)
    assert [letter.job for letter in letters.list(2)] == ["job2", "job1"]
    assert [letter.job for letter in letters.list(10, job="job0")] == ["job0"]
    assert letters.list(10, job="nothing") == []


def test_dead_letters_are_removed_by_node_by_job_or_all(store: JobStore, letters: DeadLetters) -> None:
    for index in range(3):
        last_failure_events(store, f"job{index}")
    store.apply([failed("job0", 3, "speech", again=True)])
    assert letters.remove("job0", "speech") == 1
    assert letters.remove("job0", "speech") == 0
    assert letters.remove("job0") == 1
    assert letters.remove() == 2
    assert letters.count() == 0


def test_dead_letters_are_deleted_with_their_job(store: JobStore, letters: DeadLetters) -> None:
    last_failure_events(store, "job0")
    last_failure_events(store, "job1")
    with store.database.write() as connection:
        connection.execute(delete(jobs).where(jobs.c.id == "job0"))
    assert [letter.job for letter in letters.list(10)] == ["job1"]
