"""The current user, for the page."""

from __future__ import annotations

from fastapi import APIRouter, Request

from schemas.access import SessionInfo
from workbench.app.api._request import refusals
from workbench.app.identity import current_user
from workbench.client.job_api import session_answer

router = APIRouter(tags=["access"])


@router.get("/api/session", summary="The current user", responses=refusals())
def session(request: Request) -> SessionInfo:
    """The user, the user's role, and the token for calls that change something."""
    user, deployment = current_user(request), request.app.state.deployment
    return session_answer(deployment, user, login=request.state.login, csrf_token=request.state.csrf_token)
