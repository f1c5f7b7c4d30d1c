"""Deletion of jobs as the front ends call it, and what collections and erasures need to know."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path

from schemas.errors import WorkbenchError
from schemas.retention import DeletionPreview
from workbench.client.deployment import Deployment
from workbench.client.incoming_files import incoming_folder
from workbench.client.uploads import inspect_file
from workbench.retention import deleting
from workbench.retention.parts import Parts


def parts_of(deployment: Deployment) -> Parts:
    """The parts of the deployment that store people's data."""
    return Parts(deployment.settings, deployment.store, deployment.objects, deployment.bus)


def delete(deployment: Deployment, job: str) -> list[str]:
    """Delete a finished job: its record, and its run in MLflow. Returns a sentence for each step that is still pending.

    The next collection removes bytes that nothing refers to any more. Raises WorkbenchError: job.unknown,
    job.not_final, sql.unreachable.
    """
    deleting.ended(deployment.job(job))
    return deleting.delete_job(parts_of(deployment), job)


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


def digests_of(deployment: Deployment, path: Path, kind: str = "auto") -> list[str]:
    """The digests under which a user's file may be stored: of the file itself, and of its decoded upload.

    Args:
        kind: image, audio or video, as it would be uploaded; ``auto`` for any of these.

    Raises WorkbenchError: home.*, upload.busy.
    """
    found = [_digest(path)]
    with incoming_folder(deployment.settings.home) as work:
        try:
            found.append(_digest(inspect_file(deployment, path, work, kind)[1]))
        except WorkbenchError as error:
            if error.code not in ("upload.refused", "upload.unreadable", "upload.too_large"):
                raise
    return found


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
