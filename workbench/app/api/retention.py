"""What the deployment stores, and removing it: storage by kind, collections, erasures, claims on uploads."""

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
from workbench.app.api._request import Asker, StrictRoute, TheDeployment, TheJob, refusals
from workbench.client.access import User, changeable, need_admin, need_runner, readable
from workbench.client.deletion import collect, erase, preview
from workbench.client.deployment import Deployment
from workbench.retention.disk import DiskUse

router = APIRouter(tags=["retention"], route_class=StrictRoute)

Digest = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$", description="Digest of a file.")]


@router.get("/api/storage", summary="What the deployment stores, by kind", responses=refusals())
def storage(request: Request, user: Asker) -> StorageAnswer:
    """Counts and bytes, measured anew after some seconds; what a collection would free; the last one's report."""
    known: DiskUse = request.app.state.storage
    return known.measure()


@router.post(
    "/api/collections", summary="Remove what no job and no upload names", responses=refusals(403, 409, 413, 422)
)
def create_collection(
    deployment: TheDeployment, user: Asker, asked: CollectionRequest | None = None
) -> CollectionReport:
    """With a rule, finished jobs and unused uploads that it names are deleted first. For administrators."""
    need_admin(user)
    return collect(deployment, asked or CollectionRequest())


@router.get(
    "/api/jobs/{job_id}/deletion", summary="What deleting a job would free", responses=refusals(403, 404, 409, 422)
)
def preview_deletion(job_id: TheJob, deployment: TheDeployment, user: Asker) -> DeletionPreview:
    """Bytes that nothing else names; the next collection removes them."""
    changeable(user, deployment.job(job_id))
    return preview(deployment, job_id)


@router.post(
    "/api/erasures",
    summary="Erase a file, a job or all of an owner, and everything that came of it",
    responses=refusals(403, 404, 409, 413, 422),
)
def create_erasure(asked: ErasureRequest, deployment: TheDeployment, user: Asker) -> ErasureReport:
    """From every store, then from their files. Without the role admin only what is the asker's own: a file that others
    name too loses the asker's jobs and claim, and the answer says so. It answers when it is done; a dry run at once."""
    need_runner(user)
    check_erasure(deployment, user, asked)
    return erase(deployment, asked, asker=None if user.role == "admin" else user.name)


@router.delete("/api/uploads/{sha256}", summary="Drop an upload", responses=refusals(403, 404, 422))
def delete_upload(sha256: Digest, deployment: TheDeployment, user: Asker) -> DropAnswer:
    """The user's claim goes; jobs that name the file keep it. Without any, the next collection removes it."""
    need_runner(user)
    if not deployment.grants.drop_upload(user.name, sha256):
        raise WorkbenchError(
            "artifact.unknown",
            "you have no upload of that digest",
            where=sha256,
            remedy="`GET /api/uploads` lists yours.",
        )
    return DropAnswer(sha256=sha256, named_by_jobs=deployment.store.artifact(sha256) is not None)


def check_erasure(deployment: Deployment, user: User, asked: ErasureRequest) -> None:
    """Raises WorkbenchError: job.unknown, artifact.unknown, access.forbidden for what the user may not erase."""
    if asked.job is not None:
        changeable(user, deployment.job(asked.job))
    elif asked.file is not None and len(asked.file) == 64 and user.role != "admin":
        readable(deployment, user, asked.file)
    elif asked.owner is not None and asked.owner != user.name:
        need_admin(user)
