"""What raters call: the pair on show, its videos, the answer, undo. Also open to raters who came by a link.

A rater is the browser of a link (a cookie), or a logged-in user who names the study. Responses name no job and no file.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import FileResponse

from schemas.vote import SECRET_PATTERN, STUDY_ID_PATTERN, Ballot, Side, VotingState
from workbench.app.access.rater import session_of_rater
from workbench.app.api._request import StrictRoute, TheDeployment, refusals
from workbench.app.identity import known_user
from workbench.client.deployment import Deployment
from workbench.client.votes import rating
from workbench.store.rater_links import unknown_link

router = APIRouter(tags=["votes"], route_class=StrictRoute)
OPEN = "/api/vote"  # the guard lets visitors without a login call what is below


def _rater(
    request: Request,
    study: Annotated[
        str | None, Query(pattern=STUDY_ID_PATTERN, description="For logged-in users. Others have a link.")
    ] = None,
) -> rating.Rater:
    deployment: Deployment = request.app.state.deployment
    user = known_user(request)
    if study is not None and user is not None:
        return rating.rater_of_user(deployment, user, study)
    session = session_of_rater(request)
    if not session:
        raise unknown_link()
    return rating.rater_of_session(deployment, session)


TheRater = Annotated[rating.Rater, Depends(_rater)]


@router.post(OPEN, summary="The pair on show, and the rater's progress", responses=refusals(404, 422, 429))
def voting_state(deployment: TheDeployment, rater: TheRater) -> VotingState:
    """Chooses the next pair if none is on show. Every window of a rater shows the same pair."""
    return rating.state(deployment, rater)


@router.post(f"{OPEN}/answer", summary="Answer the pair", responses=refusals(404, 409, 422, 429))
def answer_pair(ballot: Ballot, deployment: TheDeployment, rater: TheRater) -> VotingState:
    """Returns the next pair. The same answer again changes nothing."""
    return rating.answer(deployment, rater, ballot)


@router.post(f"{OPEN}/undo", summary="Take back the last answer", responses=refusals(404, 409, 422, 429))
def undo_answer(deployment: TheDeployment, rater: TheRater) -> VotingState:
    """Its pair is on show again, without votes."""
    return rating.undo(deployment, rater)


@router.get(
    OPEN + "/pairs/{pair}/{side}",
    response_class=FileResponse,
    summary="A video of the pair on show",
    responses={200: {"content": {"video/mp4": {}}, "description": "The video without metadata."}, **refusals(404, 422)},
)
def pair_video(
    pair: Annotated[str, Path(pattern=SECRET_PATTERN)], side: Side, deployment: TheDeployment, rater: TheRater
) -> FileResponse:
    """Only while the pair is on show to this rater. Accepts Range requests."""
    # Starlette would derive both headers from the file, whose time and size are those of the run.
    headers = {
        "ETag": f'"{pair}-{side.value}"',
        "Last-Modified": "Thu, 01 Jan 1970 00:00:00 GMT",
        "Cache-Control": "private, no-store",
        "Content-Disposition": "inline",
        "X-Content-Type-Options": "nosniff",
    }
    return FileResponse(rating.video(deployment, rater, pair, side), media_type="video/mp4", headers=headers)
