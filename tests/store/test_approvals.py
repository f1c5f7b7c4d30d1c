"""Decisions in SQL: the first one is final, and those of unfinished nodes are delivered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete

from schemas.approval import Decision
from schemas.event import EventType
from schemas.status import JobStatus, NodeStatus
from tests.store.samples import make_job, plain
from workbench.settings import Settings
from workbench.store.approvals import Approvals
from workbench.store.jobs import JobStore
from workbench.store.tables import jobs

YES = Decision(approved=True, text="Guten Morgen, \N{GRINNING FACE}", edited=True, author="ada", at=1_700_000_001.25)
NO = Decision(approved=False, author="bob", reason="too long", at=1_700_000_002.5)


@pytest.fixture
def store(tmp_path: Path, sql_url: str) -> Iterator[JobStore]:
    store = JobStore.open(Settings(home=tmp_path, sql_url=sql_url))
    yield store
    store.close()


@pytest.fixture
def approvals(store: JobStore) -> Approvals:
    return Approvals(store.database)


def test_the_first_decision_is_final(store: JobStore, approvals: Approvals) -> None:
    job = make_job()
    store.create(job)
    assert approvals.keep(job.id, "script", YES) == (YES, True)
    assert approvals.keep(job.id, "script", NO) == (YES, False)
    assert approvals.of(job.id) == {"script": YES}
    assert YES.same_answer(YES.model_copy(update={"at": 9.0})) and not YES.same_answer(NO)


def test_a_decision_is_pending_until_its_node_or_job_has_ended(store: JobStore, approvals: Approvals) -> None:
    first, second = make_job(), make_job()
    for job, decision in ((first, YES), (second, NO)):
        store.create(job)
        approvals.keep(job.id, "script", decision)
    assert approvals.pending() == [(first.id, "script", YES), (second.id, "script", NO)]
    store.apply([plain(first.id, 1, EventType.NODE_CANCELLED, "script"), plain(second.id, 1, EventType.JOB_CANCELLED)])
    assert approvals.pending() == []
    assert approvals.of(second.id) == {"script": NO}, "the decision was forgotten"


def test_a_decision_ends_the_wait_in_the_record(store: JobStore) -> None:
    job = make_job()
    store.create(job)
    question = {"sentence": "Well?", "text": "Good morning."}
    store.apply([plain(job.id, 1, EventType.NODE_WAITING, "script", reason="approval", question=question)])
    waiting = store.get(job.id)
    assert waiting is not None and waiting.status is JobStatus.WAITING
    assert waiting.graph.node("script").telemetry["waiting"]["question"] == question
    store.apply([plain(job.id, 2, EventType.NODE_DECIDED, "script", **YES.model_dump(mode="json"))])
    decided = store.get(job.id)
    assert decided is not None and decided.node("script").status is NodeStatus.READY
    assert "waiting" not in decided.graph.node("script").telemetry


def test_decisions_are_deleted_with_their_job(store: JobStore, approvals: Approvals) -> None:
    job = make_job()
    store.create(job)
    approvals.keep(job.id, "script", YES)
    with store.database.write() as connection:
        connection.execute(delete(jobs).where(jobs.c.id == job.id))
    assert approvals.of(job.id) == {}
