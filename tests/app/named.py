"""Replaces the guard: a header names the user."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from workbench.client.access import LOCAL, Role, User


class Named:
    """``X-User: name/role`` is the user of a request or WebSocket; ``name`` alone is a runner.

    Args:
        otherwise: the user without such a header.
    """

    def __init__(self, app: ASGIApp, otherwise: User = LOCAL) -> None:
        self.app = app
        self._otherwise = otherwise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            name, _, role = dict(scope["headers"]).get(b"x-user", b"").decode().partition("/")
            scope.setdefault("state", {})["user"] = User(name, Role(role or "runner")) if name else self._otherwise
        await self.app(scope, receive, send)
