"""Artifacts on their way out: by links that expire, and as small pictures."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Any
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse, RedirectResponse

from schemas.api import Waveform
from schemas.refs import Ref
from workbench.app.identity import current_user
from workbench.client.access import readable, unknown
from workbench.client.deployment import Deployment
from workbench.client.media.media_types import file_name, is_shown, served_type
from workbench.client.media.thumbnails import SIDES_PX, side_for, thumbnail
from workbench.client.media.waveforms import POINTS, points_for, waveform

router = APIRouter(tags=["artifacts"])
LINK_S = 300
_UNKNOWN: dict[int | str, dict[str, Any]] = {
    404: {"description": "artifact.unknown: no artifact of that digest in any job that the user may see."},
    503: {"description": "A part of the deployment does not answer."},
}


@router.get(
    "/api/artifacts/{sha256}",
    status_code=307,
    response_class=RedirectResponse,
    summary="The bytes of an artifact",
    responses={200: {"description": "The bytes, where the object store cannot be reached by the client."}, **_UNKNOWN},
)
def get_artifact(request: Request, sha256: str, download: bool = False) -> Response:
    """Redirect to a link of the object store that expires after five minutes; it takes Range requests.

    Pictures, sounds, videos and plain text are shown, everything else is saved; `download=1` saves them too.
    """
    deployment: Deployment = request.app.state.deployment
    return bytes_of(request, deployment, readable(deployment, current_user(request), sha256), download=download)


def bytes_of(request: Request, deployment: Deployment, ref: Ref, *, download: bool = False) -> Response:
    """The bytes of an artifact that the user may read: a link that expires, or themselves where no link would lead."""
    attachment = download or not is_shown(ref)
    if deployment.objects.missing([ref]):
        deployment.recover(ref)  # a link would lead to the store's own words
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
    """What GET would lead to. Answered here: a presigned link is signed for GET alone."""
    deployment: Deployment = request.app.state.deployment
    ref = readable(deployment, current_user(request), sha256)
    facts = deployment.objects.stat(sha256)
    if facts is None:
        unknown(sha256)
    headers = _headers(file_name(ref), download or not is_shown(ref))
    headers |= {"Content-Length": str(facts.size_bytes), "Content-Type": served_type(ref), "ETag": f'"{sha256}"'}
    return Response(headers=headers)


@router.get(
    "/api/artifacts/{sha256}/thumbnail",
    response_class=FileResponse,
    summary="A small picture of a picture or a video",
    responses={
        200: {"content": {"image/jpeg": {}}, "description": "A JPEG; of a video the frame one third into it."},
        304: {"description": "The picture that the client has is still right."},
        **_UNKNOWN,
    },
)
def get_thumbnail(
    request: Request,
    sha256: str,
    size: Annotated[int, Query(ge=16, le=SIDES_PX[-1], description="Longer side in pixels, rounded up.")] = 160,
) -> Response:
    """A JPEG of at most 80, 160 or 320 pixels a side; the same bytes at each call."""
    deployment: Deployment = request.app.state.deployment
    ref = readable(deployment, current_user(request), sha256)
    side = side_for(size)
    headers = {"Cache-Control": "private, max-age=86400", "ETag": f'"{sha256}-{side}"', **_NOSNIFF}
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return FileResponse(thumbnail(deployment, ref, side), media_type="image/jpeg", headers=headers)


@router.get("/api/artifacts/{sha256}/waveform", summary="The course of loudness of a sound", responses=_UNKNOWN)
def get_waveform(
    request: Request,
    response: Response,
    sha256: str,
    points: Annotated[int, Query(ge=1, le=POINTS[-1], description="How many peaks, rounded up.")] = 600,
) -> Waveform:
    """Peaks of 200, 600 or 1200 equal pieces, from 0 to 1, of a sound or of the sound of a video."""
    deployment: Deployment = request.app.state.deployment
    ref = readable(deployment, current_user(request), sha256)
    response.headers["Cache-Control"] = "private, max-age=86400"
    return Waveform(peaks=waveform(deployment, ref, points_for(points)))


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
    """Whether the store listens on this machine alone and the client is on another."""
    return _is_loopback(urlsplit(s3_url).hostname or "") and not _is_loopback(_client_names(request))


def _client_names(request: Request) -> str:
    # By the name the client uses for us: behind a proxy on this machine every client has a loopback address.
    return urlsplit(f"//{request.headers.get('host', '')}").hostname or ""


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
