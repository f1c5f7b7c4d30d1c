"""Previews are removed when their job has ended."""

from __future__ import annotations

from pathlib import Path

from schemas.event import EventType
from schemas.status import JobStatus
from tests.store.samples import make_job, plain, running
from workbench.retention.previews import remove_previews
from workbench.settings import load_settings
from workbench.store.jobs import JobStore
from workbench.store.objects import Objects, preview_key

ENDS = {"completed": EventType.JOB_COMPLETED, "failed": EventType.JOB_FAILED, "cancelled": EventType.JOB_CANCELLED}


def test_only_previews_of_ended_and_deleted_jobs_are_removed(
    tmp_path: Path, s3: dict[str, str], namespace: str
) -> None:
    settings = load_settings(**s3, s3_bucket=namespace, sql_url=f"sqlite:///{tmp_path}/jobs.db")
    store, objects = JobStore.open(settings), Objects.connect(settings)
    objects.ensure_bucket()
    begun = {"accepted", "running", "waiting", "completed-not"}  # the last id starts like that of an ended job
    for job in (*begun, *ENDS):
        store.create(make_job(job))
    store.apply([running("running", 1, "script")])
    store.apply([plain("waiting", 1, EventType.NODE_WAITING, "script", reason="approval")])
    store.apply([plain(job, 1, kind) for job, kind in ENDS.items()])
    records = {job: store.get(job) for job in begun}
    assert {record.status for record in records.values() if record} == set(JobStatus) - {JobStatus(end) for end in ENDS}
    gone = {*ENDS, "deleted"}
    for job in begun | gone:
        for node in ("script", "video"):
            objects.put_preview(job, node, b"frame", "image/jpeg")
    assert remove_previews(objects, store) == 2 * len(gone)
    assert objects.jobs_with_previews() == begun
    assert all(objects.get_preview(preview_key(job, node))[0] for job in begun for node in ("script", "video"))
    assert remove_previews(objects, store) == 0
    store.close()
