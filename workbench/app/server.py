"""Assembles the app: HTTP API, WebSocket, guard and pages on one FastAPI application."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

from anyio import to_thread
from fastapi import FastAPI

from workbench.app.access import login, rater
from workbench.app.access.guard import Guard
from workbench.app.access.limits import Limits
from workbench.app.access.policy import policy_of
from workbench.app.api import register_api
from workbench.app.api.planning import PlanningTurns
from workbench.app.error_responses import register_errors
from workbench.app.mlflow.proxy import add_mlflow
from workbench.app.openapi import extend_openapi, openapi_options
from workbench.app.part_states import PartStates
from workbench.app.request_metrics import RequestMetrics
from workbench.app.uploads.cleanup import clean_up_daily
from workbench.app.uploads.gradio_uploads import add_gradio_uploads
from workbench.client.deletion import parts_of
from workbench.client.deployment import Deployment
from workbench.client.deployment_metrics import DeploymentCollector
from workbench.client.live.hub import Hub
from workbench.retention.disk import DiskUse


def guarded_app(deployment: Deployment, host: str, port: int, *, pages: bool = True) -> FastAPI:
    """The application with its guard, ready to serve.

    Args:
        host: address on which the server listens. It determines the access policy and the allowed Host headers.
        port: port on which the server listens.
        pages: see ``create_app``.
    """
    policy, limits = policy_of(deployment.settings, host, port), Limits()
    app = create_app(deployment, pages=pages, with_login=policy.login)
    app.state.policy, app.state.limits = policy, limits
    app.state.hashing = ThreadPoolExecutor(2, thread_name_prefix="login")
    # The middleware that is added last is the outermost.
    app.add_middleware(Guard, deployment=deployment, policy=policy, limits=limits)
    app.add_middleware(RequestMetrics)  # it only counts, and also counts requests that the guard refuses
    return app


def create_app(deployment: Deployment, *, pages: bool = True, with_login: bool = False) -> FastAPI:
    """The application of one deployment without the guard, which sets the user (``scope["state"]["user"]``).

    Opens no connection before the first request.

    Args:
        pages: False omits the Gradio pages. The API alone imports in a fraction of the time.
        with_login: whether users log in. The text of the consent depends on it.
    """
    app = FastAPI(**openapi_options(), lifespan=_serving)
    app.state.deployment = deployment
    app.state.planning_turns = PlanningTurns()
    app.state.hub = Hub(deployment)
    app.state.parts = PartStates(deployment.settings)
    app.state.storage = DiskUse(lambda: parts_of(deployment))
    app.state.deployment_metrics = DeploymentCollector(deployment)
    register_errors(app)
    register_api(app)
    extend_openapi(app)
    app.include_router(login.router)
    app.include_router(rater.router)
    app.state.mlflow = add_mlflow(app)
    if pages:
        from workbench.app.pages import mount_pages

        add_gradio_uploads(app)
        mount_pages(app, login=with_login)
    return app


@contextlib.asynccontextmanager
async def _serving(app: FastAPI) -> AsyncIterator[None]:
    """Background tasks that run while the app is served."""
    clearing = asyncio.create_task(clean_up_daily(app.state.deployment.settings.home))
    try:
        yield
    finally:
        clearing.cancel()
        await asyncio.gather(clearing, return_exceptions=True)
        await app.state.mlflow.close()
        await to_thread.run_sync(app.state.hub.close)
