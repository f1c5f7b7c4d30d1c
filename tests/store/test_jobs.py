"""The job store: jobs are accepted once, recorded once, and read in their last known state."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, func, select

from schemas.errors import WorkbenchError
from schemas.event import EventType
from schemas.status import JobStatus, Lane, NodeStatus
from tests.store.samples import completed, failed, fake_ref, make_job, plain, running, whole_run
from workbench.settings import Settings
from workbench.store import tables
from workbench.store.artifact_references import ArtifactReferences
from workbench.store.grants import Grants
from workbench.store.jobs import JobStore
from workbench.store.listing import JobFilter


@pytest.fixture
def store(tmp_path: Path, sql_url: str) -> Iterator[JobStore]:
    store = JobStore.open(Settings(home=tmp_path, sql_url=sql_url))
    yield store
    store.close()


def count(store: JobStore, table: Table) -> int:
    with store.database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


VIDEO = fake_ref("video")
OUTPUTS: dict[str, dict[str, Any]] = {
    "script": {"narration": "Hello."},
    "speech": {"audio": fake_ref("audio", "audio").model_dump(mode="json", by_alias=True)},
    "video": {"video": fake_ref("silent").model_dump(mode="json", by_alias=True)},
    "final": {"video": VIDEO.model_dump(mode="json", by_alias=True)},
}


def test_an_accepted_job_reads_back_as_submitted(store: JobStore) -> None:
    job = make_job(params={"speech": {"speed": 1.25}}, seed=7, owner="ada", experiment="voices", sweep="s1")
    assert store.create(job) == (job.id, True)
    found = store.get(job.id)
    assert found is not None
    assert found.status is JobStatus.ACCEPTED
    assert found.graph == job.graph
    assert (found.seed, found.owner, found.experiment, found.sweep) == (7, "ada", "voices", "s1")
    assert [node.status for node in found.nodes] == [NodeStatus.PENDING] * 4
    assert store.get("nothing") is None


def test_a_job_keeps_its_lane(store: JobStore) -> None:
    usual, patient = make_job(), make_job(lane="batch")
    for job in (usual, patient):
        store.create(job)
    found = [store.get(job.id) for job in (usual, patient)]
    assert [job.lane for job in found if job] == [Lane.INTERACTIVE, Lane.BATCH]
    assert {line.id: line.lane for line in store.list().jobs} == {usual.id: Lane.INTERACTIVE, patient.id: Lane.BATCH}


def test_the_same_key_and_request_is_the_same_job(store: JobStore) -> None:
    first = make_job(idempotency_key="k1")
    again = make_job(idempotency_key="k1")
    assert store.create(first) == (first.id, True)
    assert store.create(again) == (first.id, False)
    assert count(store, tables.jobs) == 1
    assert count(store, tables.node_results) == 4


def test_a_key_reused_for_another_graph_is_refused(store: JobStore) -> None:
    store.create(make_job(idempotency_key="k1"))
    with pytest.raises(WorkbenchError) as refused:
        store.create(make_job(idempotency_key="k1", params={"speech": {"speed": 2}}))
    assert refused.value.code == "job.key_reused"
    assert count(store, tables.jobs) == 1


def test_eight_threads_with_one_key_make_one_job(store: JobStore) -> None:
    answers: list[tuple[str, bool]] = []
    together = threading.Barrier(8)

    def submit() -> None:
        job = make_job(idempotency_key="k1")
        together.wait()
        answers.append(store.create(job))

    threads = [threading.Thread(target=submit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({job for job, _ in answers}) == 1
    assert [created for _, created in answers].count(True) == 1


def test_a_complete_run_ends_in_a_completed_graph(store: JobStore) -> None:
    job = make_job()
    store.create(job)
    store.apply(whole_run(job.id, OUTPUTS, metrics={"score": 0.5}))
    found = store.get(job.id)
    assert found is not None
    assert found.status is JobStatus.COMPLETED
    assert (found.started_at, found.finished_at) == (1_700_000_001.0, 1_700_000_020.0)
    final = found.node("final")
    assert final.output == OUTPUTS["final"]
    assert final.metrics == {"score": 0.5}
    assert (final.seconds, final.cpu_seconds, final.peak_memory_bytes) == (1.5, 1.2, 200 << 20)
    assert found.graph.node("final").output == OUTPUTS["final"]
    assert found.graph.node("final").telemetry["cpuSeconds"] == 1.2
    assert store.list().jobs[0].progress == 1.0
    grants = Grants(store.database)
    assert grants.readable(VIDEO.sha256, "local", all_jobs=False) == VIDEO
    assert grants.readable(VIDEO.sha256, "eve", all_jobs=False) is None
    assert grants.readable(VIDEO.sha256, "eve", all_jobs=True) == VIDEO
    assert ArtifactReferences(store.database).referenced([VIDEO.sha256, "0" * 64]) == {VIDEO.sha256}


def test_applying_events_twice_has_no_further_effect(store: JobStore) -> None:
    job = make_job()
    store.create(job)
    batch = whole_run(job.id, OUTPUTS)
    store.apply(batch)
    before = store.get(job.id)
    store.apply(batch)
    store.apply(batch[3:5])
    assert store.get(job.id) == before
    assert count(store, tables.events) == len(batch)
    assert count(store, tables.job_artifacts) == 3


def test_batches_of_any_size_give_the_same_result(store: JobStore, tmp_path: Path) -> None:
    job = make_job("a" * 32)
    other = JobStore.open(Settings(home=tmp_path, sql_url=f"sqlite:///{tmp_path}/other.db"))
    batch = whole_run(job.id, OUTPUTS)
    store.create(job)
    other.create(job)
    store.apply(batch)
    for event in batch:
        other.apply([event])
    assert store.get(job.id) == other.get(job.id)
    other.close()


def test_a_late_event_of_an_earlier_epoch_changes_no_node(store: JobStore) -> None:
    job = make_job()
    store.create(job)
    store.apply([completed(job.id, 1, "script", {"narration": "new"}, epoch=2)])
    store.apply([running(job.id, 9, "script", epoch=1)])
    found = store.get(job.id)
    assert found is not None
    assert found.node("script").status is NodeStatus.COMPLETED
    assert len(store.events(job.id)) == 2


def test_a_failed_job_has_the_error_of_its_node(store: JobStore) -> None:
    job = make_job()
    store.create(job)
    store.apply([running(job.id, 1, "script"), failed(job.id, 2, "script", retry=True, attempt=1)])
    found = store.get(job.id)
    assert found is not None
    assert found.status is JobStatus.WAITING, "no node is running"
    assert found.node("script").status is NodeStatus.READY
    assert found.graph.node("script").retries.attempt == 1
    store.apply(
        [
            failed(job.id, 3, "script", attempt=2),
            *(
                plain(job.id, 4 + i, EventType.NODE_SKIPPED, node)
                for i, node in enumerate(["speech", "video", "final"])
            ),
            plain(job.id, 7, EventType.JOB_FAILED, "script"),
        ]
    )
    found = store.get(job.id)
    assert found is not None
    assert found.status is JobStatus.FAILED
    assert found.error is not None and found.error.message == "the face was lost"
    assert found.node("final").status is NodeStatus.SKIPPED
    assert list(store.unfinished()) == []


def test_cancelling_closes_every_open_node(store: JobStore) -> None:
    job = make_job()
    store.create(job)
    store.apply([running(job.id, 1, "script"), plain(job.id, 2, EventType.JOB_CANCELLED)])
    found = store.get(job.id)
    assert found is not None
    assert found.status is JobStatus.CANCELLED
    assert {node.status for node in found.nodes} == {NodeStatus.CANCELLED}


def test_a_job_is_waiting_while_its_nodes_wait_and_none_runs(store: JobStore) -> None:
    job = make_job()
    store.create(job)
    store.apply([plain(job.id, 1, EventType.NODE_WAITING, "script", reason="approval")])
    found = store.get(job.id)
    assert found is not None
    assert found.status is JobStatus.WAITING
    assert found.graph.node("script").telemetry["waiting"] == {"reason": "approval"}
    store.apply([running(job.id, 2, "script")])
    found = store.get(job.id)
    assert found is not None
    assert found.status is JobStatus.RUNNING
    assert "waiting" not in found.graph.node("script").telemetry


def test_an_unreadable_event_does_not_stop_the_rest(store: JobStore) -> None:
    job = make_job()
    store.create(job)
    broken = plain(job.id, 1, EventType.NODE_COMPLETED, "script", output="not an object")
    store.apply([broken, running("gone", 1, "script"), running(job.id, 2, "speech")])
    found = store.get(job.id)
    assert found is not None
    assert found.node("speech").status is NodeStatus.RUNNING
    assert found.node("script").status is NodeStatus.COMPLETED
    error = found.node("script").error
    assert error is not None and error.code == "node.bad_output"


def test_metrics_that_are_nan_are_left_out(store: JobStore) -> None:
    job = make_job()
    store.create(job)
    store.apply([completed(job.id, 1, "script", {}, metrics={"good": 1.0, "bad": float("nan")})])
    found = store.get(job.id)
    assert found is not None
    assert found.node("script").metrics == {"good": 1.0}


def test_results_are_found_by_content_key(store: JobStore) -> None:
    job = make_job()
    store.create(job)
    store.apply([completed(job.id, 1, "script", {"narration": "one"}, content_key="a" * 64)])
    assert store.computed(["a" * 64, "b" * 64]) == {"a" * 64: {"narration": "one"}}
    later = make_job()
    store.create(later)
    store.apply([completed(later.id, 1, "script", {"narration": "reused"}, content_key="a" * 64, cached=True)])
    assert store.computed(["a" * 64]) == {"a" * 64: {"narration": "one"}}
    store.apply([completed(later.id, 2, "script", {"narration": "anew"}, content_key="a" * 64)])
    assert store.computed(["a" * 64]) == {"a" * 64: {"narration": "anew"}}


def test_a_cache_hit_is_completed_from_the_start(store: JobStore) -> None:
    job = make_job()
    job.graph.nodes[0].status = NodeStatus.COMPLETED
    job.graph.nodes[0].output = {"image": VIDEO.model_dump(mode="json", by_alias=True)}
    store.create(job)
    found = store.get(job.id)
    assert found is not None
    assert found.node("script").cached and found.node("script").status is NodeStatus.COMPLETED
    assert store.list().jobs[0].progress == 0.25
    assert Grants(store.database).readable(VIDEO.sha256, "local", all_jobs=False)


def test_events_are_read_from_a_cursor(store: JobStore) -> None:
    job = make_job()
    store.create(job)
    batch = whole_run(job.id, OUTPUTS)
    store.apply(batch)
    assert store.events(job.id) == batch
    assert store.events(job.id, after=batch[3].cursor) == batch[4:]
    assert store.events(job.id, after="2-1") == []


def test_lists_are_filtered_paged_and_newest_first(store: JobStore) -> None:
    for index in range(7):
        job = make_job(f"job{index}", created_at=1000.0 + index, pipeline="even" if index % 2 == 0 else "odd")
        store.create(job)
    store.apply([running("job3", 1, "script")])
    page = store.list(JobFilter(limit=2, offset=2))
    assert ([job.id for job in page.jobs], page.total) == (["job4", "job3"], 7)
    assert [job.id for job in store.list(JobFilter(status=[JobStatus.RUNNING])).jobs] == ["job3"]
    assert store.list(JobFilter(pipeline="even")).total == 4
    assert store.list(JobFilter(text="JOB5")).total == 1
    assert store.list(JobFilter(tag="demo")).total == 7
    assert store.list(JobFilter(tag="dem")).total == 0
    assert [job.id for job in store.list(JobFilter(since=1002, before=1004)).jobs] == ["job3", "job2"]
    assert next(iter(store.unfinished())) == "job0"


def test_each_caller_gets_a_different_epoch(store: JobStore) -> None:
    assert store.epoch() == 0
    seen: list[int] = []
    threads = [threading.Thread(target=lambda: seen.append(store.raise_epoch())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == list(range(1, 9))
    assert store.epoch() == 8


def test_a_batch_of_five_hundred_events_is_applied_completely(store: JobStore) -> None:
    batch = []
    for index in range(50):
        job = make_job(f"bulk{index}")
        store.create(job)
        batch += whole_run(job.id, OUTPUTS)
    store.apply(batch)
    assert count(store, tables.events) == 500
    assert store.list(JobFilter(status=[JobStatus.COMPLETED], limit=1)).total == 50
