"""The allowlist of Gradio's own routes: those that its pages and its client use here.

Gradio has more routes than a mounted page needs: one that runs ffmpeg on uploaded data, one that stores the state of a
session on disk, an editor of the server's code, a dashboard. All routes outside the list return 404, including those
that a later version adds.
"""

from __future__ import annotations

import re

from starlette.types import ASGIApp, Receive, Scope, Send

from schemas.errors import WorkbenchError
from workbench.app.error_responses import error_response

_USED = re.compile(
    r"/gradio_api/(?:"
    r"(?:app_id|cancel|config|info|login_check|openapi\.json|queue/(?:data|join|status)|reset|startup-events|theme\.css|"
    r"token|upload|upload_progress|user)/?"
    r"|(?:api|call|heartbeat|run|stream)/.*"
    r"|file[=/].*"  # our own: gradio_uploads.py
    r")",
    re.DOTALL,
)
_UNUSED = re.compile(r"/(?:monitoring|login|logout)(?:/.*)?", re.DOTALL)
_OWN = ("/login", "/logout")


class UsedRoutes:
    """Pure ASGI middleware, behind the guard."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not is_used(scope["method"], scope["path"]):
            error = WorkbenchError(
                "request.not_found", "there is nothing at this address", remedy="/docs lists the calls."
            )
            await error_response(error)(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def is_used(method: str, path: str) -> bool:
    """Whether the request may reach a route of Gradio or one of our own."""
    if path.startswith("/gradio_api"):
        return _USED.fullmatch(path) is not None
    if path == "/logout":
        return method == "POST"  # our own route; Gradio's uses GET
    return path in _OWN or _UNUSED.fullmatch(path) is None
