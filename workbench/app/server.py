"""Puts the app together: HTTP API, WebSocket, guard and pages on one FastAPI application."""

from __future__ import annotations

from fastapi import FastAPI

from workbench.app.answers import register_errors
from workbench.app.api import register_api
from workbench.app.description import describe_live_messages, described
from workbench.app.live import route as live
from workbench.app.live.hub import Hub
from workbench.app.measured import Measured
from workbench.app.uploads.gradio_door import add_gradio_door
from workbench.client.bench import Bench
from workbench.client.bench_metrics import BenchCollector
from workbench.client.capabilities import WholeCapabilities
from workbench.client.incoming import clear_incoming


def create_app(bench: Bench, *, pages: bool = True) -> FastAPI:
    """The application of one bench. Connects to nothing until it is asked something.

    Args:
        pages: False leaves the Gradio pages out: the API alone imports in a fraction of the time.
    """
    app = FastAPI(**described())
    app.state.bench = bench
    app.state.capabilities = WholeCapabilities(bench)
    app.state.hub = Hub(bench)
    app.state.bench_figures = BenchCollector(bench)
    app.add_middleware(Everybody)
    app.add_middleware(Measured)
    register_errors(app)
    register_api(app)
    app.include_router(live.router)
    describe_live_messages(app)
    clear_incoming(bench.settings.home)
    if pages:
        from workbench.app.pages import mount_pages

        add_gradio_door(app)
        mount_pages(app)
    return app


class Everybody:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        from workbench.app.identity import LOCAL

        scope.setdefault("state", {}).setdefault("user", LOCAL)
        await self.app(scope, receive, send)
