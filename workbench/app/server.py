"""Puts the app together: HTTP API, WebSocket, guard and pages on one FastAPI application."""

from __future__ import annotations

from fastapi import FastAPI

from workbench.app.access import login
from workbench.app.access.wiring import add_guard
from workbench.app.answers import register_errors
from workbench.app.api import register_api
from workbench.client.bench import Bench


def create_app(bench: Bench, *, pages: bool = True, host: str = "127.0.0.1", port: int = 7860) -> FastAPI:
    """The application of one bench. Connects to nothing until it is asked something.

    Args:
        pages: False leaves the Gradio pages out: the API alone imports in a fraction of the time.
        host: where the server will listen. On loopback nobody has to log in; requests must call it by that name.
        port: the same.
    """
    app = FastAPI(title="Talking-head workbench", docs_url=None, redoc_url=None, openapi_url="/openapi.json")
    app.state.bench = bench
    register_errors(app)
    register_api(app)
    app.include_router(login.router)
    if pages:
        from workbench.app.pages import mount_pages

        mount_pages(app)
    add_guard(app, host, port)  # last: what is added last is outermost
    return app
