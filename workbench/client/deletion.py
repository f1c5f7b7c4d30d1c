"""Deletion, collection and erasure, as the front ends call them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path

from schemas.errors import WorkbenchError
from schemas.job import JobRecord
from schemas.retention import CollectionReport, CollectionRequest, DeletionPreview, ErasureReport, ErasureRequest
from workbench.client.deployment import Deployment
from workbench.client.incoming_files import incoming_folder
from workbench.client.uploads import inspect_file
from workbench.retention import collecting, deleting, erasing
from workbench.retention.disk import DiskUse
from workbench.retention.parts import Parts


def parts_of(deployment: Deployment) -> Parts:
    """The parts of the deployment that store people's data."""
    return Parts(deployment.settings, deployment.store, deployment.objects, deployment.bus)


def disk_use(deployment: Deployment) -> DiskUse:
    """The disk use of the deployment, by kind. Caches its measurements."""
    return DiskUse(lambda: parts_of(deployment))


def delete(deployment: Deployment, job: str) -> list[str]:
    """Delete a finished job: its record, and its run in MLflow. Returns a sentence for each step that is still pending.

    The next collection removes bytes that nothing refers to any more. Raises WorkbenchError: job.unknown,
    job.not_final, sql.unreachable.
    """
    ended(deployment.job(job))
    return deleting.delete_job(parts_of(deployment), job)


def ended(record: JobRecord) -> JobRecord:
    """The record. Raises WorkbenchError (job.not_final) if the job is not finished and cannot be deleted."""
    return deleting.ended(record)


def preview(deployment: Deployment, job: str) -> DeletionPreview:
    """What the deletion of a job would free. Raises WorkbenchError: sql.unreachable."""
    references = parts_of(deployment).references
    named, freed = references.referenced_by([job]), references.freed_by({job})
    return DeletionPreview(
        job_id=job,
        frees_bytes=sum(item.size_bytes for item in freed),
        frees_count=len(freed),
        shared_count=len(named) - len(freed),
    )


def would_free(deployment: Deployment, jobs: Collection[str]) -> int:
    """Bytes of the artifacts that only these jobs refer to. Raises WorkbenchError: sql.unreachable."""
    return sum(item.size_bytes for item in parts_of(deployment).references.freed_by(set(jobs)))


def collect(deployment: Deployment, asked: CollectionRequest) -> CollectionReport:
    """Delete the jobs that the rule selects, then unreferenced bytes.

    Raises WorkbenchError like ``collecting.collect``.
    """
    return collecting.collect(parts_of(deployment), asked)


def digests_of(deployment: Deployment, path: Path) -> list[str]:
    """The digests under which a user's file may be stored: of the file itself, and of its decoded upload.

    Raises WorkbenchError: home.*, upload.busy.
    """
    found = [_digest(path)]
    with incoming_folder(deployment.settings.home) as work:
        try:
            found.append(_digest(inspect_file(deployment, path, work)[1]))
        except WorkbenchError as error:
            if error.code not in ("upload.refused", "upload.unreadable", "upload.too_large"):
                raise
    return found


def erase(
    deployment: Deployment, asked: ErasureRequest, *, asker: str | None = None, also: Collection[str] = ()
) -> ErasureReport:
    """Erase a file, a job or all data of an owner, with everything derived from it.

    Args:
        also: further digests of the same file (``digests_of``).
        asker: a user who may only erase own data; None for an administrator.

    Raises WorkbenchError like ``erasing.erase``.
    """
    return erasing.erase(parts_of(deployment), asked, asker=asker, also=also)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
