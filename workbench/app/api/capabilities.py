"""The services that both planes provide."""

from __future__ import annotations

from fastapi import APIRouter

from schemas.capability import Capabilities
from workbench.app.api._request import CurrentUser, TheDeployment, refusals
from workbench.client.capabilities import responding_capabilities

router = APIRouter(tags=["capabilities"])


@router.get("/api/capabilities", summary="The services of both planes", responses=refusals())
def capabilities(deployment: TheDeployment, user: CurrentUser) -> Capabilities:
    """What the workers announced, whether busy or not. Returns 503 (capabilities.incomplete) if a plane has no worker
    or the bus does not answer.

    The details then name what is silent (`silent`) and the services without a worker (`missing`).
    """
    return responding_capabilities(deployment)
