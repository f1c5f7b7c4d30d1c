"""What both planes can do."""

from __future__ import annotations

from fastapi import APIRouter, Request

from schemas.capability import Capabilities
from workbench.app.api._request import Asker, refusals

router = APIRouter(tags=["capabilities"])


@router.get("/api/capabilities", summary="The merged manifest of both planes", responses=refusals())
def capabilities(request: Request, user: Asker) -> Capabilities:
    """Both planes are asked anew. 503 (capabilities.incomplete) within ten seconds where one does not answer.

    The details then say which (`silent`) and what nobody offers (`missing`).
    """
    answer: Capabilities = request.app.state.capabilities.ask()
    return answer
