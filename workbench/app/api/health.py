"""Liveness, readiness, metrics."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request, Response

from schemas.api import ErrorAnswer
from schemas.live import Alive, Readiness
from schemas.stack import PartState
from workbench.app.identity import known_user
from workbench.app.part_states import PartStates
from workbench.metrics import CONTENT_TYPE, exposition

router = APIRouter(tags=["health"])

NECESSARY = ("bus", "objects", "sql")
PARTS = (*NECESSARY, "mlflow")


@router.get("/health", summary="Whether this process responds")
async def health() -> Alive:
    """Does not check the rest of the deployment; use `/ready` for that."""
    return Alive()


@router.get(
    "/ready",
    summary="Whether the deployment can accept and run jobs",
    responses={503: {"model": Readiness, "description": "A necessary part does not respond."}},
)
async def ready(request: Request, response: Response) -> Readiness:
    """Probe all parts concurrently, for about a second at most. MLflow is not necessary, because nothing waits for it.

    Needs no login, but only users who are logged in see the parts.
    """
    states: PartStates = request.app.state.parts
    parts = await asyncio.gather(*map(states.probed, PARTS))
    answers = {part.name for part in parts if part.state is PartState.EXTERNAL}
    whole = answers.issuperset(NECESSARY)
    if not whole:
        response.status_code = 503
        response.headers["Retry-After"] = "2"
    return Readiness(ready=whole, parts=list(parts) if known_user(request) else [])


@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Prometheus text format."},
        401: {"model": ErrorAnswer, "description": "The request has no valid login."},
    },
)
def metrics(request: Request) -> Response:
    """Metrics of this process and the deployment, in 2 s at most. A part that does not respond has `workbench_up 0`."""
    return Response(exposition(request.app.state.deployment_metrics), media_type=CONTENT_TYPE)
