"""Deleting finished jobs: records at once, runs in MLflow as soon as it answers, bytes with a collection."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from schemas.errors import WorkbenchError
from schemas.job import JobRecord
from schemas.retention import StoreKind
from workbench.bus.connection import BUS_AWAY
from workbench.retention import mlflow_runs
from workbench.retention.parts import Parts
from workbench.retention.tally import Tally

log = structlog.get_logger()


def delete_jobs(parts: Parts, ids: Sequence[str], tally: Tally) -> list[str]:
    """Remove final jobs; returns those that were there. What they named is for the next collection.

    Their rows go in one transaction, then what the bus still tells watchers of them, their previews and the copies of
    their videos. Where the bus or the object store is away, the collection removes that too, and it is said.
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
        log.warning("deleted jobs are still on the bus", jobs=len(gone), error=str(error))
        tally.left.append("What the bus tells watchers of them is forgotten within a minute after it is back.")
    try:
        for job in gone:
            previews = parts.objects.delete_previews(job)
            if previews:
                tally.add(StoreKind.PREVIEWS, previews)
    except WorkbenchError as error:
        tally.left.append(f"Their previews stay until the next collection: {error.message}.")
    if gone:
        log.info("jobs deleted", jobs=gone[:20], count=len(gone))
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
