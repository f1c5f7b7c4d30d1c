"""The services that both planes provide."""

from __future__ import annotations

from fastapi import APIRouter, Request

from schemas.capability import Capabilities
from workbench.app.api._request import CurrentUser, refusals

router = APIRouter(tags=["capabilities"])


@router.get("/api/capabilities", summary="The merged manifest of both planes", responses=refusals())
def capabilities(request: Request, user: CurrentUser) -> Capabilities:
    """Query both planes. Returns 503 (capabilities.incomplete) within ten seconds if one does not respond.

    The details then list the planes that did not respond (`silent`) and the services without a worker (`missing`).
    """
    answer: Capabilities = request.app.state.capabilities.ask()
    return answer
