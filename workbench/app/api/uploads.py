"""Files that people bring in."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Query, Request, Response
from starlette.requests import ClientDisconnect

from schemas.upload import EarlierFiles, MediaKind, Upload
from workbench.app.api._request import Asker, Limit, TheDeployment, refusals
from workbench.app.identity import current_user
from workbench.app.uploads.folder import folder_of_request
from workbench.app.uploads.receiving import THREADS, receive
from workbench.client.access import need_runner
from workbench.client.deployment import Deployment
from workbench.client.inspection.limits import Limits
from workbench.client.uploads import earlier_files, keep_sample, keep_upload

router = APIRouter(tags=["uploads"])

_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary", "description": "One file."},
                        "kind": {
                            "type": "string",
                            "enum": ["auto", "image", "audio", "video"],
                            "default": "auto",
                            "description": "What it must be; send it before the file.",
                        },
                    },
                }
            }
        },
    }
}
_REFUSALS: dict[int | str, dict[str, Any]] = {
    413: {"description": "upload.too_large: the file, its picture or its length is above the bounds."},
    415: {"description": "upload.refused: a file of this type is not accepted."},
    422: {"description": "upload.unreadable: the file is damaged. request.invalid: the form cannot be read."},
    503: {"description": "upload.busy, or a part of the deployment does not answer."},
    507: {"description": "home.disk_full: there is no space left."},
}


@router.get("/api/uploads", summary="Files that the user gave before", responses=refusals(422))
def list_uploads(
    deployment: TheDeployment,
    user: Asker,
    kind: Annotated[
        MediaKind | None, Query(description="image, audio or video; all three where it is left out.")
    ] = None,
    limit: Limit = 20,
) -> EarlierFiles:
    """The user's own uploads and what the user's jobs were given, newest first, each once; nobody else's."""
    return EarlierFiles(uploads=earlier_files(deployment, user.name, kind, limit))


@router.post(
    "/api/uploads",
    status_code=201,
    response_model=Upload,
    summary="Upload a picture, a sound or a video",
    responses=_REFUSALS,
    openapi_extra=_FORM,
)
async def create_upload(request: Request) -> Any:
    """Take a file in as multipart/form-data, field `file`, and answer what it is and what may be wrong with it.

    The type is found by the bytes. The stored bytes are made anew from what was decoded: pictures as PNG or JPEG,
    sounds as WAV, videos as the same frames in a new container; metadata is not kept.
    """
    user = current_user(request)
    need_runner(user)
    deployment: Deployment = request.app.state.deployment
    try:
        async with folder_of_request(deployment.settings.home) as folder:
            form = await receive(request, folder, Limits.of(deployment.settings))
            [file] = form.files
            keep = partial(keep_upload, deployment, file.path, owner=user.name, kind=form.kind, name=file.name)
            return await to_thread.run_sync(keep, limiter=THREADS)
    except ClientDisconnect:
        return Response(status_code=400)  # nobody reads it; what had come is gone with the folder


@router.post(
    "/api/uploads/sample",
    status_code=201,
    response_model=Upload,
    summary="The packaged portrait, as an upload",
    responses={503: {"description": "A part of the deployment does not answer, or the sample is not installed."}},
)
def sample_upload(request: Request) -> Upload:
    """Take the packaged portrait in as if the user had uploaded it. The same bytes at each call."""
    user = current_user(request)
    need_runner(user)
    return keep_sample(request.app.state.deployment, user.name)
