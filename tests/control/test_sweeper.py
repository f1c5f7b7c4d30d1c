"""Previews go when their job has ended."""

from __future__ import annotations

from pathlib import Path

from schemas.event import EventType
from tests.store.samples import make_job, plain
from workbench.control.sweeper import sweep
from workbench.settings import load_settings
from workbench.store.jobs import JobStore
from workbench.store.objects import Objects


def test_previews_of_ended_and_deleted_jobs_are_removed(tmp_path: Path, s3: dict[str, str], bench_name: str) -> None:
    settings = load_settings(**s3, s3_bucket=bench_name, sql_url=f"sqlite:///{tmp_path}/jobs.db")
    store, objects = JobStore.open(settings), Objects.connect(settings)
    objects.ensure_bucket()
    running, ended = make_job("running"), make_job("ended")
    store.create(running)
    store.create(ended)
    store.apply([plain("ended", 1, EventType.JOB_COMPLETED)])
    for job in ("running", "ended", "deleted"):
        objects.put_preview(job, "video", b"frame", "image/jpeg")
    assert sweep(objects, store) == 2
    assert objects.jobs_with_previews() == {"running"}
    assert sweep(objects, store) == 0
    store.close()
