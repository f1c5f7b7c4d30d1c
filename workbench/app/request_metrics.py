"""Counts requests by method, route template and status."""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workbench.metrics import HTTP_REQUESTS, HTTP_SECONDS

# Other methods share one label, because clients could otherwise create arbitrary labels.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestMetrics:
    """Middleware around the whole application."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                method, route = _labels(scope)
                HTTP_REQUESTS.labels(method, route, str(message["status"])).inc()
                HTTP_SECONDS.labels(method, route).observe(time.perf_counter() - began)
            await send(message)

        await self.app(scope, receive, counted)


def _labels(scope: Scope) -> tuple[str, str]:
    """Method and route template: "/api/jobs/{job_id}", "pages" for Gradio's routes, "none" for unknown addresses."""
    method = scope["method"] if scope["method"] in _METHODS else "other"
    if "route" not in scope:
        return method, "none"
    return method, getattr(scope["route"], "path", "") or "pages"
