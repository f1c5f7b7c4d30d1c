"""Deleting a finished job."""

from __future__ import annotations

from schemas.errors import WorkbenchError
from workbench.client.bench import Bench
from workbench.store.tracking_api import TrackingApi


def delete(bench: Bench, job: str) -> list[str]:
    """Remove a finished job: its rows in one transaction, then its run in MLflow.

    Files stay in the object store: other jobs may name them, and the result cache does. Returns what could not be done,
    in sentences. Raises WorkbenchError: job.unknown, job.not_final, sql.unreachable.
    """
    record = bench.job(job)
    if not record.status.final or not bench.store.delete(job):
        raise WorkbenchError(
            "job.not_final",
            f"job {job} is not finished",
            where=job,
            seen=record.status.value,
            allowed="completed, failed or cancelled",
            remedy="Cancel it first, or wait for its end.",
        )
    if record.mlflow_run_id is None or not bench.settings.mlflow_url:
        return []
    try:
        TrackingApi(bench.settings.mlflow_url, read_timeout_s=5.0).delete_run(record.mlflow_run_id)
    except WorkbenchError as error:
        return [f"Its run {record.mlflow_run_id} is still in MLflow: {error.message}"]
    return []
