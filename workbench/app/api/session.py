"""Who asks, for the page."""

from __future__ import annotations

from importlib import metadata

from fastapi import APIRouter, Request

from schemas.access import SessionInfo
from workbench.app.api._request import refusals
from workbench.app.identity import current_user
from workbench.app.mlflow.limits import ROOT
from workbench.client.access import may_see_mlflow

router = APIRouter(tags=["access"])


@router.get("/api/session", summary="Who asks", responses=refusals())
def session(request: Request) -> SessionInfo:
    """The user, what the user may do, and the token for calls that change something."""
    user, bench = current_user(request), request.app.state.bench
    return SessionInfo(
        user=user.name,
        role=user.role,
        login=request.state.login,
        csrf_token=request.state.csrf_token,
        mlflow_url=f"{ROOT}/" if may_see_mlflow(user, bench.settings) else "",
        version=metadata.version("talking-head-workbench"),
    )
