"""The time of a job is split into computing and waiting, in its record and in lists."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.event import Event, EventType, NodeWait
from schemas.status import WaitReason
from tests.store.samples import completed, make_job, plain, running
from workbench.settings import Settings
from workbench.store.job_times import JobTimes, NodeSpan, split, times_of
from workbench.store.jobs import JobStore
from workbench.store.listing import JobFilter

START = 1_700_000_000.0


def span(start: float, end: float, seconds: float | None = None, *, cached: bool = False) -> NodeSpan:
    return NodeSpan(START + start, START + end, end - start if seconds is None else seconds, cached)


def test_the_queue_before_and_between_nodes_is_waiting() -> None:
    assert split(START, START + 60, [span(40, 45), span(50, 58)]) == JobTimes(13, 47, 60)


def test_nodes_that_run_at_once_are_both_work_and_no_waiting() -> None:
    assert split(START, START + 10, [span(0, 8), span(1, 10)]) == JobTimes(17, 0, 10)


def test_a_cache_hit_is_no_work() -> None:
    assert split(START, START + 5, [span(-900, -800, cached=True), span(1, 2)]) == JobTimes(1, 4, 5)


def test_a_stopped_node_ran_until_the_end_and_a_node_that_never_ran_did_not() -> None:
    stopped, never = NodeSpan(START + 2, None, None, False), NodeSpan(None, None, None, False)
    assert split(START, START + 6, [stopped, never]) == JobTimes(4, 2, 6)


def test_clocks_that_differ_do_not_change_the_work() -> None:
    times = split(START, START + 10, [NodeSpan(START - 3600, START - 3590, 4.0, False)])
    assert times == JobTimes(4, 6, 10)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[JobStore]:
    store = JobStore.open(Settings(sql_url=f"sqlite:///{tmp_path}/jobs.db"))
    yield store
    store.close()


def test_the_last_job_of_a_sweep_computed_as_long_as_the_first(store: JobStore) -> None:
    """Both were accepted at once; the second waited for the only worker."""
    ids = []
    for queued_s in (0.0, 30.0):
        job = make_job(created_at=START, nodes=[("speech", "generate.hibari_tts", "data")])
        store.create(job)
        begun = START + queued_s
        times = {"started_at": begun, "finished_at": begun + 4, "seconds": 4.0}
        store.apply(
            [
                running(job.id, 1, "speech", at=begun),
                completed(job.id, 2, "speech", {}, **times),
                plain(job.id, 3, EventType.JOB_COMPLETED, at=begun + 4),
            ]
        )
        ids.append(job.id)
    lines = {line.id: line for line in store.list(JobFilter(ids=ids)).jobs}
    assert [(lines[job].compute_seconds, lines[job].waiting_seconds) for job in ids] == [(4, 0), (4, 30)]
    record = store.get(ids[1])
    assert record is not None and times_of(record) == JobTimes(4, 30, 34)
    assert lines[ids[0]].first_frame_seconds is None  # it makes no video
    unended = make_job(created_at=START)
    store.create(unended)
    (line,) = store.list(JobFilter(ids=[unended.id])).jobs
    assert line.compute_seconds is None and line.waiting_seconds is None


def first_part(job: str, seq: int, node: str, kind: str, at: float) -> Event:
    return Event(job=job, epoch=1, seq=seq, type=EventType.NODE_FIRST_PART, node=node, data={"kind": kind}, at=at)


def test_the_first_frame_is_listed_while_the_job_runs(store: JobStore) -> None:
    job = make_job(created_at=START, nodes=[("speech", "x.speech", "data"), ("file", "x.file", "data")])
    store.create(job)
    wait = NodeWait(reason=WaitReason.NEXT_PART, producer="speech").model_dump(mode="json")
    store.apply(
        [
            running(job.id, 1, "speech", at=START),
            first_part(job.id, 2, "speech", "audio", at=START + 1),
            first_part(job.id, 3, "file", "video", at=START + 2),
            plain(job.id, 4, EventType.NODE_WAITING, "file", at=START + 2, **wait),
        ]
    )
    (line,) = store.list(JobFilter(ids=[job.id])).jobs
    assert line.first_frame_seconds == 2
    assert line.waiting == {}  # it is at work
