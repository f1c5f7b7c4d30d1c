"""Deleting finished jobs: records at once, runs in MLflow as soon as it answers, bytes with a collection."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.errors import WorkbenchError
from schemas.job import JobRecord
from schemas.retention import StoreKind
from workbench.bus.connection import BUS_AWAY
from workbench.retention import mlflow_runs
from workbench.retention.parts import Parts
from workbench.retention.tally import Tally


def delete_jobs(parts: Parts, ids: Sequence[str], tally: Tally) -> list[str]:
    """Remove final jobs; returns those that were there. What they named, and previews, are for the next collection.

    Their rows go in one transaction, then the copies of their videos and what the bus still tells watchers of them.
    Raises WorkbenchError: sql.unreachable.
    """
    gone = parts.deletion.delete(ids, tracked=bool(parts.settings.mlflow_url))
    for job in gone:
        video = parts.settings.home / "videos" / f"{job}.mp4"
        if video.exists():
            tally.add(StoreKind.VIDEOS, 1, video.stat().st_size)
            video.unlink(missing_ok=True)
    try:
        for job in gone:
            parts.bus.forget(job)
    except BUS_AWAY as error:
        tally.left.append(f"Watchers can follow their events for a minute more: {error}.")
    return gone


def delete_job(parts: Parts, job: str) -> list[str]:
    """Remove one finished job and its run in MLflow; returns what could not be done yet, in sentences.

    Raises WorkbenchError: job.unknown, job.not_final, sql.unreachable.
    """
    tally = Tally()
    if not delete_jobs(parts, [job], tally):
        record = parts.store.get(job)
        if record is not None:
            raise not_final(record)
        raise WorkbenchError("job.unknown", f"there is no job {job}", where=job)
    try:
        parts.objects.delete_previews(job)
    except WorkbenchError as error:
        tally.left.append(f"Its previews stay until the next collection: {error.message}.")
    mlflow_runs.remove_doomed(parts, tally)
    return tally.left


def ended(record: JobRecord) -> JobRecord:
    """The record. Raises WorkbenchError (job.not_final) where the job is not finished: it could not be deleted."""
    if not record.status.final:
        raise not_final(record)
    return record


def not_final(record: JobRecord) -> WorkbenchError:
    return WorkbenchError(
        "job.not_final",
        f"job {record.id} is not finished",
        where=record.id,
        seen=record.status.value,
        allowed="completed, failed or cancelled",
        remedy="Cancel it first, or wait for its end.",
    )
