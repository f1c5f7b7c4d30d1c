"""Deletes finished jobs: records at once, runs in MLflow as soon as it responds, bytes with the next collection."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.errors import WorkbenchError
from schemas.job import JobRecord
from schemas.retention import StoreKind
from workbench.bus.connection import BUS_UNREACHABLE
from workbench.retention import mlflow_runs
from workbench.retention.parts import Parts
from workbench.retention.removals import Removals


def delete_jobs(parts: Parts, ids: Sequence[str], removals: Removals) -> list[str]:
    """Remove finished jobs. Returns the removed ones. The next collection removes their files and previews.

    Their rows are removed in one transaction, then their saved videos, their signed copies and their events on the bus.
    Raises WorkbenchError: sql.unreachable.
    """
    gone = parts.deletion.delete(ids, tracked=bool(parts.settings.mlflow_url))
    for job in gone:
        signed = (parts.settings.home / "cache" / "delivered").glob(f"*-{job}")
        for video in (parts.settings.home / "videos" / f"{job}.mp4", *signed):
            if video.exists():
                removals.add(StoreKind.VIDEOS, 1, video.stat().st_size)
                video.unlink(missing_ok=True)
    try:
        for job in gone:
            parts.bus.forget(job)
    except BUS_UNREACHABLE as error:
        removals.left.append(f"Their events remain on the bus for another minute: {error}.")
    return gone


def delete_job(parts: Parts, job: str) -> list[str]:
    """Remove one finished job and its run in MLflow. Returns what remains to be done, in sentences.

    Raises WorkbenchError: job.unknown, job.not_final, sql.unreachable.
    """
    removals = Removals()
    if not delete_jobs(parts, [job], removals):
        record = parts.store.get(job)
        if record is not None:
            raise not_final(record)
        raise WorkbenchError("job.unknown", f"job {job} does not exist", where=job)
    try:
        parts.objects.delete_previews(job)
    except WorkbenchError as error:
        removals.left.append(f"Its previews remain until the next collection: {error.message}.")
    mlflow_runs.remove_doomed(parts, removals)
    return removals.left


def ended(record: JobRecord) -> JobRecord:
    """The record, if the job is finished and can be deleted. Raises WorkbenchError (job.not_final)."""
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
        remedy="Cancel the job first, or wait until it ends.",
    )
