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


@router.get("/health", summary="This process answers")
async def health() -> Alive:
    """Says nothing of the rest of the deployment: `/ready` does."""
    return Alive()


@router.get(
    "/ready",
    summary="The deployment can take and run jobs",
    responses={503: {"model": Readiness, "description": "A part that is necessary does not answer."}},
)
async def ready(request: Request, response: Response) -> Readiness:
    """Every part is asked now, side by side, for a second at most. MLflow is not necessary: nothing waits for it.

    Open to everybody; the parts themselves are shown to those who are logged in.
    """
    states: PartStates = request.app.state.parts
    parts = await asyncio.gather(*map(states.asked, PARTS))
    answers = {part.name for part in parts if part.state is PartState.EXTERNAL}
    whole = answers.issuperset(NECESSARY)
    if not whole:
        response.status_code = 503
        response.headers["Retry-After"] = "2"
    return Readiness(ready=whole, parts=list(parts) if known_user(request) else [])


@router.get(
    "/metrics",
    summary="What Prometheus reads",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Prometheus text format."},
        401: {"model": ErrorAnswer, "description": "Nobody is logged in."},
    },
)
def metrics(request: Request) -> Response:
    """Metrics of this process and the deployment. A part without an answer has `workbench_up 0`. Takes 2 s at most."""
    return Response(exposition(request.app.state.deployment_metrics), media_type=CONTENT_TYPE)
