"""Storage of the deployment and its removal: storage by kind, collections, erasures, claims on uploads."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request

from schemas.api import DropAnswer
from schemas.errors import WorkbenchError
from schemas.retention import (
    CollectionReport,
    CollectionRequest,
    DeletionPreview,
    ErasureReport,
    ErasureRequest,
    StorageAnswer,
)
from workbench.app.api._request import CurrentUser, StrictRoute, TheDeployment, TheJob, refusals
from workbench.client.access import User, changeable, need_admin, need_runner, readable
from workbench.client.deletion import parts_of, preview
from workbench.client.deployment import Deployment
from workbench.retention.collecting import collect
from workbench.retention.disk import DiskUse
from workbench.retention.erasing import erase

router = APIRouter(tags=["retention"], route_class=StrictRoute)

Digest = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$", description="Digest of a file.")]


@router.get("/api/storage", summary="What the deployment stores, by kind", responses=refusals())
def storage(request: Request, user: CurrentUser) -> StorageAnswer:
    """Counts and bytes, refreshed every few seconds; the bytes that a collection would free; the last report."""
    disk_use: DiskUse = request.app.state.storage
    return disk_use.measure()


@router.post("/api/collections", summary="Remove files without a job or upload", responses=refusals(403, 409, 413, 422))
def create_collection(
    deployment: TheDeployment, user: CurrentUser, asked: CollectionRequest | None = None
) -> CollectionReport:
    """With a rule, first delete the finished jobs and unused uploads that match it. For administrators."""
    need_admin(user)
    return collect(parts_of(deployment), asked or CollectionRequest())


@router.get(
    "/api/jobs/{job_id}/deletion", summary="Bytes that deleting a job frees", responses=refusals(403, 404, 409, 422)
)
def preview_deletion(job_id: TheJob, deployment: TheDeployment, user: CurrentUser) -> DeletionPreview:
    """The bytes that nothing else refers to. The next collection after the deletion removes them."""
    changeable(user, deployment.job(job_id))
    return preview(deployment, job_id)


@router.post(
    "/api/erasures",
    summary="Erase a file, a job, all data of an owner or a person's files, with everything derived from it",
    responses=refusals(403, 404, 409, 413, 422),
)
def create_erasure(asked: ErasureRequest, deployment: TheDeployment, user: CurrentUser) -> ErasureReport:
    """Erase the data from all stores, then from the stores' files. Responds when it is done; a dry run at once.

    Without the role admin it erases only the user's own data. A file that others also use loses the user's jobs and
    claim, and the response says so.
    """
    need_runner(user)
    check_erasure(deployment, user, asked)
    return erase(parts_of(deployment), asked, asker=None if user.role == "admin" else user.name)


@router.delete("/api/uploads/{sha256}", summary="Drop an upload", responses=refusals(403, 404, 422))
def delete_upload(sha256: Digest, deployment: TheDeployment, user: CurrentUser) -> DropAnswer:
    """Drop the user's claim. The file remains while jobs refer to it; otherwise the next collection removes it."""
    need_runner(user)
    if not deployment.grants.drop_upload(user.name, sha256):
        raise WorkbenchError(
            "artifact.unknown",
            "you have no upload with that digest",
            where=sha256,
            remedy="`GET /api/uploads` lists your uploads.",
        )
    return DropAnswer(sha256=sha256, named_by_jobs=deployment.store.artifact(sha256) is not None)


def check_erasure(deployment: Deployment, user: User, asked: ErasureRequest) -> None:
    """Raises WorkbenchError (job.unknown, artifact.unknown, access.forbidden) if the user may not erase it."""
    if asked.job is not None:
        changeable(user, deployment.job(asked.job))
    elif asked.file is not None and len(asked.file) == 64 and user.role != "admin":
        readable(deployment, user, asked.file)
    elif asked.owner is not None and asked.owner != user.name:
        need_admin(user)
