"""Intermediate results of a running node: its newest preview and the finished parts of its output."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import RedirectResponse

from schemas.api import PartList
from workbench.app.api._request import CurrentUser, TheDeployment, TheJob, refusals
from workbench.app.api.artifacts import bytes_of
from workbench.client.access import reader, visible
from workbench.client.job_api import nothing_of, part_list, preview_of

router = APIRouter(tags=["jobs"])

TheNode = Annotated[str, Path(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$", description="Id of a node of the job.")]
Index = Annotated[int, Path(ge=0, le=100_000)]


@router.get(
    "/api/jobs/{job_id}/nodes/{node}/preview",
    summary="The newest preview of a node",
    response_class=Response,
    responses={**refusals(404, 422), 200: {"content": {"image/jpeg": {}, "image/png": {}, "image/webp": {}}}},
)
def node_preview(job_id: TheJob, node: TheNode, deployment: TheDeployment, user: CurrentUser) -> Response:
    """An image that is removed soon after the node ends. Load it again when its key in the progress changes."""
    image, media_type = preview_of(deployment, user, job_id, node)
    return Response(image, media_type=media_type, headers={"Cache-Control": "private, max-age=60"})


@router.get("/api/jobs/{job_id}/nodes/{node}/parts", summary="Finished parts of a node", responses=refusals(404, 422))
def node_parts(job_id: TheJob, node: TheNode, deployment: TheDeployment, user: CurrentUser) -> PartList:
    """The parts in order, while the job runs. Afterwards the complete output is among the job's artifacts."""
    visible(user, deployment.job(job_id))
    return part_list(deployment, job_id, node)


@router.get(
    "/api/jobs/{job_id}/nodes/{node}/parts/{index}",
    summary="A finished part",
    status_code=307,
    response_class=RedirectResponse,
    responses={200: {"description": "The bytes, if the client cannot reach the store."}, **refusals(404, 422)},
)
def node_part(
    request: Request, job_id: TheJob, node: TheNode, index: Index, deployment: TheDeployment, user: CurrentUser
) -> Response:
    """Redirect to a link that expires."""
    visible(user, deployment.job(job_id))
    parts = deployment.parts(job_id, node)
    if index >= len(parts):
        raise nothing_of(job_id, node, f"part {index}")
    return bytes_of(request, deployment, parts[index], owner=reader(user))
