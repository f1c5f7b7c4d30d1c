"""Recognise a file, the lineage of an artifact, and bundles of runs."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from schemas.artifact_lineage import ArtifactLineage
from schemas.recognition import Recognition
from workbench.app.api._request import CurrentUser, TheDeployment, TheJob, multipart_form, refusals
from workbench.app.identity import current_user
from workbench.app.uploads.receiving import THREADS, receive
from workbench.app.uploads.request_folder import folder_of_request
from workbench.client.access import visible
from workbench.client.artifact_lineage import artifact_lineage
from workbench.client.bundles.export import export
from workbench.client.deployment import Deployment
from workbench.client.incoming_files import make_folder, remove_folder
from workbench.client.inspection.limits import Limits
from workbench.client.recognition import recognise_file

router = APIRouter(tags=["artifacts"])
_FORM = multipart_form(
    {"file": {"type": "string", "format": "binary", "description": "The file, under any name."}}, required=["file"]
)


@router.get(
    "/api/artifacts/{sha256}/lineage",
    summary="What made an artifact, and what was made from it",
    responses=refusals(404, 422),
)
def lineage_of_artifact(
    sha256: str,
    deployment: TheDeployment,
    user: CurrentUser,
    job: Annotated[
        str | None, Query(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,63}$", description="Preferred where several made it.")
    ] = None,
) -> ArtifactLineage:
    """The nodes, runs, inputs and weights, as far as the user may see their runs."""
    return artifact_lineage(deployment, user, sha256, job=job)


@router.post(
    "/api/recognise",
    response_model=Recognition,
    summary="Recognise a file: the run that made it, and its inputs",
    responses=refusals(413, 422),
    openapi_extra=_FORM,
)
async def recognise_upload(request: Request) -> Any:
    """Looks at a file in the form field `file` and does not keep it. It names only runs that the user may see."""
    user = current_user(request)
    deployment: Deployment = request.app.state.deployment
    async with folder_of_request(deployment.settings.home) as folder:
        form = await receive(request, folder, Limits.of(deployment.settings))
        [file] = form.files
        look = partial(recognise_file, deployment, user, file.path, name=file.name)
        return await to_thread.run_sync(look, limiter=THREADS)


@router.get(
    "/api/jobs/{job_id}/bundle",
    response_class=FileResponse,
    summary="A run as a signed zip",
    responses={200: {"content": {"application/zip": {}}, "description": "The bundle."}, **refusals(404, 409, 422)},
)
def job_bundle(
    job_id: TheJob,
    deployment: TheDeployment,
    user: CurrentUser,
    media: Annotated[bool, Query(description="With the bytes of images, audio, video, zips and weights.")] = True,
) -> FileResponse:
    """Graph, records, inputs and results with their digests. The same run gives the same bytes."""
    visible(user, deployment.job(job_id))
    folder = make_folder(deployment.settings.home)
    try:
        target = folder / "bundle.zip"
        export(deployment, job_id, target, without_media=not media, user=user)
    except BaseException:
        remove_folder(folder)
        raise
    return FileResponse(
        target,
        media_type="application/zip",
        filename=f"{job_id}.bundle.zip",
        headers={"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"},
        background=BackgroundTask(remove_folder, folder),
    )
