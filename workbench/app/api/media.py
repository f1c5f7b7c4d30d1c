"""Artifacts by signed links, for pages of other servers such as JupyterLab. The guard has checked the signature."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from workbench.app.api.artifacts import bytes_of
from workbench.client.deployment import Deployment
from workbench.client.media.links import linked_ref

router = APIRouter(include_in_schema=False)
_ANYWHERE = {"Cross-Origin-Resource-Policy": "cross-origin"}


@router.get("/media/{name}")
def linked_artifact(request: Request, name: str, download: bool = False) -> Response:
    """The bytes, or a redirect to a link of the object store. An empty response for the reachability probe."""
    deployment: Deployment = request.app.state.deployment
    ref = linked_ref(request.url.path, request.url.query)
    answer = (
        Response(status_code=204) if ref is None else bytes_of(request, deployment, ref, owner=None, download=download)
    )
    answer.headers.update(_ANYWHERE)
    return answer
