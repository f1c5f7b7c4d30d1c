"""Uploads of files."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Query, Request

from schemas.upload import EarlierFiles, Upload, UploadKind
from workbench.app.api._request import CurrentUser, Limit, TheDeployment, multipart_form, refusals
from workbench.app.identity import current_user
from workbench.app.uploads.multipart import KINDS
from workbench.app.uploads.receiving import THREADS, receive
from workbench.app.uploads.request_folder import folder_of_request
from workbench.client.access import need_runner
from workbench.client.deployment import Deployment
from workbench.client.inspection.limits import Limits
from workbench.client.uploads import earlier_files, keep_sample, keep_upload

router = APIRouter(tags=["uploads"])

_FORM = multipart_form(
    {
        "file": {"type": "string", "format": "binary", "description": "One file."},
        "kind": {
            "type": "string",
            "enum": list(KINDS),
            "default": "auto",
            "description": "Required kind of the file; send this field before the file.",
        },
    },
    required=["file"],
)
_REFUSALS: dict[int | str, dict[str, Any]] = {
    413: {"description": "upload.too_large: the size, the resolution or the duration of the file exceeds the limits."},
    415: {"description": "upload.refused: files of this type are not accepted."},
    422: {"description": "upload.unreadable: the file is damaged. request.invalid: the form is not valid."},
    503: {"description": "upload.busy, or a part of the deployment does not respond."},
    507: {"description": "home.disk_full: no disk space is left."},
}


@router.get("/api/uploads", summary="Files that the user uploaded before", responses=refusals(422))
def list_uploads(
    deployment: TheDeployment,
    user: CurrentUser,
    kind: Annotated[
        UploadKind | None, Query(description="image, audio, video, portraits or lora; default: all.")
    ] = None,
    limit: Limit = 20,
) -> EarlierFiles:
    """The user's own uploads and the input files of the user's jobs, newest first, each once."""
    return EarlierFiles(uploads=earlier_files(deployment, user.name, kind, limit))


@router.post(
    "/api/uploads",
    status_code=201,
    response_model=Upload,
    summary="Upload an image, an audio file, a video, a zip of portraits or a LoRA",
    responses=_REFUSALS,
    openapi_extra=_FORM,
)
async def create_upload(request: Request) -> Any:
    """Accept a file as multipart/form-data in the field `file`, and return its properties and warnings.

    The bytes determine the type. The file is decoded and encoded again: images as PNG or JPEG, audio as WAV, videos as
    the same frames in a new container. A zip of portraits is unpacked, checked and packed again, each image like a
    single one, with captions as UTF-8 text. A LoRA is one safetensors file, whose header is checked. Metadata
    is removed.
    """
    user = current_user(request)
    need_runner(user)
    deployment: Deployment = request.app.state.deployment
    async with folder_of_request(deployment.settings.home) as folder:
        form = await receive(request, folder, Limits.of(deployment.settings))
        [file] = form.files
        keep = partial(keep_upload, deployment, file.path, owner=user.name, kind=form.kind, name=file.name)
        return await to_thread.run_sync(keep, limiter=THREADS)


@router.post(
    "/api/uploads/sample",
    status_code=201,
    response_model=Upload,
    summary="The packaged portrait, as an upload",
    responses={503: {"description": "A part of the deployment does not respond, or the sample is not installed."}},
)
def sample_upload(request: Request) -> Upload:
    """Store the packaged portrait as an upload of the user. Every call returns the same bytes."""
    user = current_user(request)
    need_runner(user)
    return keep_sample(request.app.state.deployment, user.name)
