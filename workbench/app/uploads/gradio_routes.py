"""Which of Gradio's own routes are reached at all: those that its pages and its client use here.

Gradio brings more than a mounted page needs: one that runs ffmpeg on whatever is posted to it, one that keeps the state
of a session on the disk, an editor of the server's code, a dashboard. What is not on the list is not found, and neither
is what a later version adds.
"""

from __future__ import annotations

import re

from starlette.types import ASGIApp, Receive, Scope, Send

from schemas.errors import WorkbenchError
from workbench.app.answers import error_answer

_USED = re.compile(
    r"/gradio_api/(?:"
    r"(?:app_id|cancel|config|info|login_check|openapi\.json|queue/(?:data|join|status)|reset|startup-events|theme\.css|"
    r"token|upload|upload_progress|user)/?"
    r"|(?:api|call|heartbeat|run|stream)/.*"
    r"|file[=/].*"  # ours: gradio_door.py
    r")",
    re.DOTALL,
)
_NOT_OURS = re.compile(r"/(?:monitoring|login|logout)(?:/.*)?", re.DOTALL)
_OURS = ("/login", "/logout")


class UsedRoutes:
    """Pure ASGI, behind the guard."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not is_used(scope["method"], scope["path"]):
            error = WorkbenchError("request.not_found", "nothing is at this address", remedy="/docs lists the calls.")
            await error_answer(error)(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def is_used(method: str, path: str) -> bool:
    """Whether a request may reach a route of Gradio's, or one of ours."""
    if path.startswith("/gradio_api"):
        return _USED.fullmatch(path) is not None
    if path == "/logout":
        return method == "POST"  # ours; Gradio's answers to GET
    return path in _OURS or _NOT_OURS.fullmatch(path) is None
