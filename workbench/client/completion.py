"""Waits for what follows a job's last event: its record in SQL, its video as a file, its run in MLflow."""

from __future__ import annotations

import time
from pathlib import Path

from schemas.errors import WorkbenchError
from schemas.job import JobRecord
from workbench.client.delivery.deliver import Delivery, save
from workbench.client.deployment import Deployment
from workbench.client.mlflow_access import tracking_off
from workbench.client.view import final_file, final_video
from workbench.store.tracking_queue import TrackingQueue, TrackingState

RECORD_TIMEOUT_S = 15.0
TRACKED_TIMEOUT_S = 40.0  # MLflow takes 10–15 s to start, and a first job may finish sooner
LOOK_EVERY_S = 0.03


def await_record(deployment: Deployment, job: str) -> JobRecord:
    """The job's record when it is final in SQL, or the latest record after a timeout.

    The recorder writes in batches, so SQL is about 0.1 s behind the bus.
    """
    deadline = time.monotonic() + RECORD_TIMEOUT_S
    while True:
        record = deployment.job(job)
        if record.status.final or time.monotonic() > deadline:
            return record
        time.sleep(LOOK_EVERY_S)


def await_tracked(deployment: Deployment, job: str) -> str | None:
    """URL of the job's page in MLflow, after waiting until the run is complete, MLflow rejects it or a timeout passes.

    None if the deployment has no MLflow, or the page does not exist by then; ``unrecorded`` says why.
    """
    if not deployment.settings.mlflow_url:
        return None
    queue = TrackingQueue(deployment.store.database)
    deadline = time.monotonic() + TRACKED_TIMEOUT_S
    while queue.state(job) is not TrackingState.DONE and not queue.rejected(job) and time.monotonic() < deadline:
        time.sleep(0.1)
    return deployment.mlflow_run(job)


def unrecorded(deployment: Deployment, job: str) -> WorkbenchError | None:
    """Why MLflow does not have the complete record of an ended job; None if it does."""
    where = f"job {job}"
    if not deployment.settings.mlflow_url:
        return tracking_off(deployment.settings)
    known = deployment.job(job).tracking_error
    if known:
        return WorkbenchError(
            "tracking.refused",
            "MLflow does not have the record of this job",
            where=where,
            seen=known,
            remedy="The job and its files are not affected. Unless its run was deleted, recording is tried again.",
        )
    if TrackingQueue(deployment.store.database).state(job) is not TrackingState.DONE:
        return WorkbenchError(
            "tracking.not_recorded",
            "MLflow does not have the complete record of this job yet",
            where=where,
            seen=f"not complete after {TRACKED_TIMEOUT_S:.0f} s",
            remedy="Check `workbench status`: MLflow and the control plane must run. Recording then follows by itself.",
        )
    return None


def keep_file(
    deployment: Deployment, record: JobRecord, target: Path, result: tuple[str, str] | None
) -> Delivery | None:
    """Deliver the declared result of the job's pipeline to ``target``, such as a LoRA; None if it is no file."""
    ref = final_file(record, result)
    return save(deployment, ref, target, record=record) if ref else None


def keep_video(
    deployment: Deployment, record: JobRecord, target: Path, result: tuple[str, str] | None
) -> Delivery | None:
    """Deliver the job's video to ``target``; None if it has none."""
    ref = final_video(record, result)
    return save(deployment, ref, target, record=record) if ref else None
