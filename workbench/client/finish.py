"""What comes after a job's last event: its record in SQL, its video as a file, its run in MLflow."""

from __future__ import annotations

import time
from pathlib import Path

from schemas.job import JobRecord
from workbench.client.deployment import Deployment
from workbench.client.view import final_video
from workbench.store.tracking_queue import TrackingQueue, TrackingState

RECORD_TIMEOUT_S = 15.0
TRACKED_TIMEOUT_S = 40.0  # MLflow takes 10–15 s to start; a first job may be done sooner
LOOK_EVERY_S = 0.03


def await_record(deployment: Deployment, job: str) -> JobRecord:
    """The job's record once SQL knows that it is final; the last one known where that takes too long.

    The recorder writes in batches, so SQL is a tenth of a second behind the bus.
    """
    deadline = time.monotonic() + RECORD_TIMEOUT_S
    while True:
        record = deployment.job(job)
        if record.status.final or time.monotonic() > deadline:
            return record
        time.sleep(LOOK_EVERY_S)


def await_tracked(deployment: Deployment, job: str) -> str | None:
    """URL of the job's page in MLflow, waiting a while until all of it is there.

    None where nothing is tracked, or where not even a page exists by then.
    """
    if not deployment.settings.mlflow_url:
        return None
    queue = TrackingQueue(deployment.store.database)
    deadline = time.monotonic() + TRACKED_TIMEOUT_S
    while queue.state(job) is not TrackingState.DONE and time.monotonic() < deadline:
        time.sleep(0.1)
    return deployment.mlflow_run(job)


def keep_video(deployment: Deployment, record: JobRecord, target: Path, result: tuple[str, str] | None) -> Path | None:
    """Copy the job's video to ``target``; None where it has none."""
    ref = final_video(record, result)
    return deployment.save(ref, target) if ref else None
