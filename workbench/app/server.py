"""Puts the app together: HTTP API, WebSocket, guard and pages on one FastAPI application."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from anyio import to_thread
from fastapi import FastAPI

from workbench.app.access import login
from workbench.app.access.policy import policy_of
from workbench.app.access.wiring import add_guard
from workbench.app.answers import register_errors
from workbench.app.api import register_api
from workbench.app.description import describe_more, described
from workbench.app.measured import Measured
from workbench.app.mlflow.proxy import add_mlflow
from workbench.app.part_states import PartStates
from workbench.app.uploads.clearing import keep_clear
from workbench.app.uploads.gradio_door import add_gradio_door
from workbench.client.capabilities import CapabilityCache
from workbench.client.deletion import disk_use
from workbench.client.deployment import Deployment
from workbench.client.deployment_metrics import DeploymentCollector
from workbench.client.live.hub import Hub


def guarded_app(deployment: Deployment, host: str, port: int, *, pages: bool = True) -> FastAPI:
    """The application behind its guard: what is served.

    Args:
        host: where the server listens. On loopback nobody has to log in; requests must call it by that name.
        port: the same.
        pages: as for ``create_app``.
    """
    app = create_app(deployment, pages=pages, with_login=policy_of(deployment.settings, host, port).login)
    add_guard(app, host, port)  # what is added last is outermost
    app.add_middleware(Measured)  # it answers nothing, and counts what the guard refuses too
    return app


def create_app(deployment: Deployment, *, pages: bool = True, with_login: bool = False) -> FastAPI:
    """The application of one deployment, without its guard, which sets the user (``scope["state"]["user"]``).

    Connects to nothing until it is asked something.

    Args:
        pages: False leaves the Gradio pages out: the API alone imports in a fraction of the time.
        with_login: whether people log in: what they are asked to agree to depends on it.
    """
    app = FastAPI(**described(), lifespan=_serving)
    app.state.deployment = deployment
    app.state.capabilities = CapabilityCache(deployment)
    app.state.hub = Hub(deployment)
    app.state.parts = PartStates(deployment.settings)
    app.state.storage = disk_use(deployment)
    app.state.deployment_metrics = DeploymentCollector(deployment)
    register_errors(app)
    register_api(app)
    describe_more(app)
    app.include_router(login.router)
    app.state.mlflow = add_mlflow(app)
    if pages:
        from workbench.app.pages import mount_pages

        add_gradio_door(app)
        mount_pages(app, login=with_login)
    return app


@contextlib.asynccontextmanager
async def _serving(app: FastAPI) -> AsyncIterator[None]:
    """What goes on while the app is served, and ends with it."""
    clearing = asyncio.create_task(keep_clear(app.state.deployment.settings.home))
    try:
        yield
    finally:
        clearing.cancel()
        await asyncio.gather(clearing, return_exceptions=True)
        await app.state.mlflow.close()
        await to_thread.run_sync(app.state.hub.close)
