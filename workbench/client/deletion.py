"""Deleting, collecting and erasing, as a face asks for it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path

from schemas.errors import WorkbenchError
from schemas.job import JobRecord
from schemas.retention import CollectionReport, CollectionRequest, DeletionPreview, ErasureReport, ErasureRequest
from workbench.client.deployment import Deployment
from workbench.client.incoming import incoming_folder
from workbench.client.uploads import inspect_file
from workbench.retention import collecting, deleting, erasing
from workbench.retention.disk import DiskUse
from workbench.retention.parts import Parts


def parts_of(deployment: Deployment) -> Parts:
    """The parts of the deployment that hold what people made."""
    return Parts(deployment.settings, deployment.store, deployment.objects, deployment.bus)


def disk_use(deployment: Deployment) -> DiskUse:
    """What the deployment stores, by kind; it remembers what it measured."""
    return DiskUse(lambda: parts_of(deployment))


def delete(deployment: Deployment, job: str) -> list[str]:
    """Remove a finished job: its record, and its run in MLflow. Returns what could not be done yet, in sentences.

    What nothing names any more goes with the next collection. Raises WorkbenchError: job.unknown, job.not_final,
    sql.unreachable.
    """
    ended(deployment.job(job))
    return deleting.delete_job(parts_of(deployment), job)


def ended(record: JobRecord) -> JobRecord:
    """The record. Raises WorkbenchError (job.not_final) where the job is not finished: it could not be deleted."""
    return deleting.ended(record)


def preview(deployment: Deployment, job: str) -> DeletionPreview:
    """What deleting a job would free. Raises WorkbenchError: sql.unreachable."""
    references = parts_of(deployment).references
    named, freed = references.referenced_by([job]), references.freed_by({job})
    return DeletionPreview(
        job_id=job,
        frees_bytes=sum(item.size_bytes for item in freed),
        frees_count=len(freed),
        shared_count=len(named) - len(freed),
    )


def would_free(deployment: Deployment, jobs: Collection[str]) -> int:
    """Bytes of the artifacts that nothing would name without these jobs. Raises WorkbenchError: sql.unreachable."""
    return sum(item.size_bytes for item in parts_of(deployment).references.freed_by(set(jobs)))


def collect(deployment: Deployment, asked: CollectionRequest) -> CollectionReport:
    """Delete what the rule says, then remove what nothing names. Raises WorkbenchError as ``collecting.collect``."""
    return collecting.collect(parts_of(deployment), asked)


def digests_of(deployment: Deployment, path: Path) -> list[str]:
    """Under which digests a person's file may be stored: as it is, and as an upload keeps what was decoded of it.

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
    """Erase a file, a job or all of an owner, with everything that came of it.

    Args:
        also: further digests of the same file (``digests_of``).
        asker: who may only erase what is that person's own; None for an administrator.

    Raises WorkbenchError as ``erasing.erase``.
    """
    return erasing.erase(parts_of(deployment), asked, asker=asker, also=also)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
