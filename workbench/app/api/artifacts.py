"""Downloads of artifacts by links that expire, and their thumbnails and waveforms."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote, urlsplit

import structlog
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse, RedirectResponse

from schemas.api import Waveform
from schemas.frame_index import FrameIndex
from schemas.refs import Ref
from workbench.app.access.addresses import is_loopback
from workbench.app.identity import current_user
from workbench.client.access import readable, reader, unknown
from workbench.client.delivery.deliver import deliver
from workbench.client.deployment import Deployment
from workbench.client.media.derived_files import POINTS, SIDES_PX, frames, rounded_up, thumbnail, waveform
from workbench.client.media.media_types import file_name, is_shown, served_type

log = structlog.get_logger(__name__)
router = APIRouter(tags=["artifacts"])
LINK_S = 300
_UNKNOWN: dict[int | str, dict[str, Any]] = {
    404: {"description": "artifact.unknown: no job that the user may see has an artifact with this digest."},
    503: {"description": "A part of the deployment does not respond."},
}


@router.get(
    "/api/artifacts/{sha256}",
    status_code=307,
    response_class=RedirectResponse,
    summary="The bytes of an artifact",
    responses={200: {"description": "The bytes, if the client cannot reach the object store."}, **_UNKNOWN},
)
def get_artifact(request: Request, sha256: str, download: bool = False) -> Response:
    """Redirect to a link of the object store that expires after five minutes and accepts Range requests.

    Browsers show images, audio, video and plain text, and save everything else; with `download=1` they save all types.
    Saved media that a job made carries a signed C2PA manifest: these bytes come from the app, also accept Range
    requests, and their `ETag` is their own digest. Shown media are the stored bytes without a manifest.
    """
    deployment: Deployment = request.app.state.deployment
    user = current_user(request)
    ref = readable(deployment, user, sha256)
    return bytes_of(request, deployment, ref, owner=reader(user), download=download)


def bytes_of(
    request: Request, deployment: Deployment, ref: Ref, *, owner: str | None, download: bool = False
) -> Response:
    """A redirect to a link that expires, or the bytes themselves if they are signed or the store is out of reach.

    The caller has checked that the user may read the artifact.

    Args:
        owner: as of ``deliver``.
    """
    attachment = download or not is_shown(ref)
    if deployment.objects.missing([ref]):
        deployment.recover(ref)  # a link would show the store's own error
    if attachment and (signed := _signed(deployment, ref, owner)):
        return signed
    if _out_of_reach(deployment.settings.s3_url, request):
        return FileResponse(
            deployment.open(ref),
            media_type=served_type(ref),
            headers=_headers(file_name(ref), attachment) | {"ETag": f'"{ref.sha256}"'},
        )
    link = deployment.objects.presign(
        ref.sha256, expires_s=LINK_S, filename=file_name(ref), media_type=served_type(ref), attachment=attachment
    )
    return RedirectResponse(link, 307, headers={"Cache-Control": "no-store"})


@router.head("/api/artifacts/{sha256}", include_in_schema=False)
def head_artifact(request: Request, sha256: str, download: bool = False) -> Response:
    """The headers of the artifact. There is no redirect, because a presigned link is only valid for GET."""
    deployment: Deployment = request.app.state.deployment
    user = current_user(request)
    ref = readable(deployment, user, sha256)
    facts = deployment.objects.stat(sha256)
    if facts is None:
        unknown(sha256)
    attachment = download or not is_shown(ref)
    if attachment and (signed := _signed(deployment, ref, reader(user))):
        return signed
    headers = _headers(file_name(ref), attachment)
    headers |= {"Content-Length": str(facts.size_bytes), "Content-Type": served_type(ref), "ETag": f'"{sha256}"'}
    return Response(headers=headers)


@router.get(
    "/api/artifacts/{sha256}/thumbnail",
    response_class=FileResponse,
    summary="A thumbnail of an image or a video",
    responses={
        200: {"content": {"image/jpeg": {}}, "description": "A JPEG; for a video, the frame at one third of it."},
        304: {"description": "The client's copy is still current."},
        **_UNKNOWN,
    },
)
def get_thumbnail(
    request: Request,
    sha256: str,
    size: Annotated[int, Query(ge=16, le=SIDES_PX[-1], description="Longer side in pixels, rounded up.")] = 160,
) -> Response:
    """A JPEG with at most 80, 160 or 320 pixels per side. Every call returns the same bytes."""
    deployment: Deployment = request.app.state.deployment
    ref = readable(deployment, current_user(request), sha256)
    side = rounded_up(size, SIDES_PX)
    headers = {"Cache-Control": "private, max-age=86400", "ETag": f'"{sha256}-{side}"', **_NOSNIFF}
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return FileResponse(thumbnail(deployment, ref, side), media_type="image/jpeg", headers=headers)


@router.get("/api/artifacts/{sha256}/waveform", summary="The waveform of an audio file or a video", responses=_UNKNOWN)
def get_waveform(
    request: Request,
    response: Response,
    sha256: str,
    points: Annotated[int, Query(ge=1, le=POINTS[-1], description="Number of peaks, rounded up.")] = 600,
) -> Waveform:
    """The peaks of 200, 600 or 1200 equal pieces, from 0 to 1, of an audio file or of a video's audio track."""
    deployment: Deployment = request.app.state.deployment
    ref = readable(deployment, current_user(request), sha256)
    response.headers["Cache-Control"] = "private, max-age=86400"
    return Waveform(peaks=waveform(deployment, ref, rounded_up(points, POINTS)))


@router.get(
    "/api/artifacts/{sha256}/frames",
    response_model=FrameIndex,
    summary="Where each frame of a video is in its file",
    responses=_UNKNOWN,
)
def get_frames(request: Request, sha256: str) -> Response:
    """The packets of the video track by offset and size, and the configuration of a decoder for them.

    With it a page decodes any frame by WebCodecs: it needs no demuxer, and gets the bytes of the artifact by Range.
    """
    deployment: Deployment = request.app.state.deployment
    user = current_user(request)
    file = frames(deployment, readable(deployment, user, sha256), owner=reader(user))
    headers = {"Cache-Control": "private, max-age=86400", **_NOSNIFF}
    return FileResponse(file, media_type="application/json", headers=headers)


def _signed(deployment: Deployment, ref: Ref, owner: str | None) -> Response | None:
    """The signed copy as a download; None for a file that leaves as it is stored."""
    delivery = deliver(deployment, ref, owner=owner)
    if not delivery.signed:
        if delivery.unsigned_because:
            log.warning("downloaded without a signature", artifact=ref.sha256, reason=delivery.unsigned_because)
        return None
    headers = _headers(file_name(ref), True) | {"ETag": f'"{delivery.sha256}"'}
    return FileResponse(delivery.path, media_type=served_type(ref), headers=headers)


_NOSNIFF = {"X-Content-Type-Options": "nosniff"}


def _headers(name: str, attachment: bool) -> dict[str, str]:
    shown = "attachment" if attachment else "inline"
    return {
        "Content-Disposition": f"{shown}; filename*=UTF-8''{quote(name, safe='')}",
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        **_NOSNIFF,
    }


def _out_of_reach(s3_url: str, request: Request) -> bool:
    """Whether the store listens on loopback only and the client is on another machine."""
    # Uses the Host header, because behind a proxy on this machine every client has a loopback address.
    store, client = (urlsplit(url).hostname or "" for url in (s3_url, f"//{request.headers.get('host', '')}"))
    return _is_here(store) and not _is_here(client)


def _is_here(name: str) -> bool:
    return name.endswith(".localhost") or is_loopback(name)
