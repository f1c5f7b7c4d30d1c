"""Deleting a finished job."""

from __future__ import annotations

from schemas.errors import WorkbenchError
from schemas.job import JobRecord
from workbench.client.bench import Bench
from workbench.store.tracking_api import TrackingApi


def delete(bench: Bench, job: str) -> list[str]:
    """Remove a finished job: its rows in one transaction, then its run in MLflow.

    Files stay in the object store: other jobs may name them, and the result cache does. Returns what could not be done,
    in sentences. Raises WorkbenchError: job.unknown, job.not_final, sql.unreachable.
    """
    record = ended(bench.job(job))
    bench.store.delete(job)
    if record.mlflow_run_id is None or not bench.settings.mlflow_url:
        return []
    try:
        TrackingApi(bench.settings.mlflow_url, read_timeout_s=5.0).delete_run(record.mlflow_run_id)
    except WorkbenchError as error:
        return [f"Its run {record.mlflow_run_id} is still in MLflow: {error.message}"]
    return []


def ended(record: JobRecord) -> JobRecord:
    """The record. Raises WorkbenchError (job.not_final) where the job is not finished: it could not be deleted."""
    if not record.status.final:
        raise WorkbenchError(
            "job.not_final",
            f"job {record.id} is not finished",
            where=record.id,
            seen=record.status.value,
            allowed="completed, failed or cancelled",
            remedy="Cancel it first, or wait for its end.",
        )
    return record
