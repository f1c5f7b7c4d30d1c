"""Replaces Gradio's upload and file routes, so that its components only receive files that were checked.

Gradio stores uploads unchecked and serves them to anyone who knows the path. These two routes are registered before its
mount, so they take precedence. An upload becomes an artifact like any other, and Gradio gets a copy below
``<its folder>/uploads/<sha256>/``. Only users who may read the artifact may read that copy.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from anyio import to_thread
from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from schemas.errors import WorkbenchError
from workbench.app.identity import current_user
from workbench.app.uploads.component_values import CheckedValues
from workbench.app.uploads.copies import keep_copy, place_of, use
from workbench.app.uploads.gradio_routes import UsedRoutes
from workbench.app.uploads.receiving import THREADS, receive
from workbench.app.uploads.request_folder import folder_of_request
from workbench.client.access import need_runner, readable
from workbench.client.deployment import Deployment
from workbench.client.error_responses import status_of
from workbench.client.inspection.limits import Limits
from workbench.client.media.media_types import served_type
from workbench.client.uploads import keep_upload
from workbench.retention.local_files import gradio_folder

MOST_FILES = 16  # per request
_UPLOAD_ID = re.compile(r"[\w-]{1,64}")
_FILE_ROUTES = ("/gradio_api/file={path:path}", "/gradio_api/file/{path:path}")


def add_gradio_uploads(app: FastAPI) -> None:
    """Add both routes, the check of component values, and the allowlist of Gradio's other routes.

    Call it before Gradio is mounted.
    """
    app.add_middleware(CheckedValues, deployment=app.state.deployment, folder=gradio_folder())
    app.add_middleware(UsedRoutes)
    app.router.routes.append(Route("/gradio_api/upload", _upload, methods=["POST"], include_in_schema=False))
    for path in _FILE_ROUTES:
        app.router.routes.append(Route(path, _Files(app), include_in_schema=False))


async def _upload(request: Request) -> Response:
    """Returns a JSON list of paths, as Gradio's frontend expects; errors as plain text, which the frontend shows."""
    upload_id = request.query_params.get("upload_id", "")
    tracked = _progress(upload_id)
    try:
        return await _received(request, tracked)
    except WorkbenchError as error:
        text = " ".join(part for part in (f"{_sentence(error.message)}", error.remedy) if part)
        return PlainTextResponse(text, status_of(error.code))
    finally:
        if tracked is not None:
            tracked.set_done(upload_id)


async def _received(request: Request, tracked: Any) -> Response:
    user = current_user(request)
    need_runner(user)
    deployment: Deployment = request.app.state.deployment
    upload_id = request.query_params.get("upload_id", "")
    seen: Callable[[str, bytes], None] | None = partial(tracked.append, upload_id) if tracked is not None else None
    async with folder_of_request(deployment.settings.home) as folder:
        form = await receive(
            request, folder, Limits.of(deployment.settings), field="files", files=MOST_FILES, seen=seen
        )
        paths = []
        for file in form.files:
            keep = partial(_kept, deployment, file.path, user.name, file.name)
            paths.append(await to_thread.run_sync(keep, limiter=THREADS))
    gradio = _mounted(request.app)
    if gradio is not None:  # Gradio removes the files in this set by its own rules (delete_cache)
        gradio.get_blocks().upload_file_set.update(paths)
    return JSONResponse(paths)


def _kept(deployment: Deployment, path: Path, owner: str, name: str) -> str:
    """Store the upload and return the path of its copy for Gradio. Raises WorkbenchError like ``keep_upload``."""
    ref = keep_upload(deployment, path, owner=owner, name=name).ref
    return str(keep_copy(deployment, ref, gradio_folder()))


class _Files:
    """Serves uploads below Gradio's folder to users who may read them, and no other files."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in ("GET", "HEAD"):
            await PlainTextResponse("Method not allowed", 405)(scope, receive, send)
            return
        place = place_of(scope["path_params"]["path"], gradio_folder())
        if place is None:
            await PlainTextResponse("Not found", 404)(scope, receive, send)
            return
        await self._own(place, scope, receive, send)

    async def _own(self, place: Path, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        find = partial(readable, self._app.state.deployment, current_user(request), place.parent.name)
        try:
            ref = await to_thread.run_sync(find)
        except WorkbenchError as error:
            await PlainTextResponse(error.message, status_of(error.code))(scope, receive, send)
            return
        if not await to_thread.run_sync(use, place):
            await PlainTextResponse("Not found", 404)(scope, receive, send)
            return
        headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "private, no-cache"}
        answer = FileResponse(
            place,
            media_type=served_type(ref),
            filename=place.name,
            content_disposition_type="inline",
            headers=headers,
        )
        await answer(scope, receive, send)


def _mounted(app: FastAPI) -> Any:
    """The mounted Gradio application, or None."""
    return next((r.app for r in app.routes if isinstance(r, Mount) and hasattr(r.app, "get_blocks")), None)


def _progress(upload_id: str) -> Any:
    """Gradio's registry of running uploads, which its progress route reads; None if nothing watches this upload."""
    if not _UPLOAD_ID.fullmatch(upload_id) or "gradio.routes" not in sys.modules:
        return None
    tracked = sys.modules["gradio.routes"].file_upload_statuses
    tracked.track(upload_id)
    return tracked


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"
