"""Studies of blind votes: create, list, show, close, delete, links for raters, export."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Response

from schemas.name import KnownName
from schemas.vote import (
    STUDY_ID_PATTERN,
    LinkRequest,
    NewRaterLink,
    StudyExport,
    StudyInFull,
    StudyList,
    StudyRequest,
)
from workbench.app.api._request import CurrentUser, Limit, Offset, StrictRoute, TheDeployment, refusals
from workbench.client.votes import studies

router = APIRouter(tags=["votes"], route_class=StrictRoute)

TheStudy = Annotated[str, Path(pattern=STUDY_ID_PATTERN, description="Id of a study.")]
LinkName = Annotated[KnownName, Path(description="Name of the link.")]


@router.post("/api/studies", status_code=201, summary="Create a study", responses=refusals(403, 404, 422))
def create_study(asked: StudyRequest, deployment: TheDeployment, user: CurrentUser) -> StudyInFull:
    """Compare the videos of 2 to 100 completed jobs, or of a sweep."""
    return studies.create(deployment, user, asked)


@router.get("/api/studies", summary="Studies, newest first", responses=refusals(422))
def list_studies(deployment: TheDeployment, user: CurrentUser, limit: Limit = 50, offset: Offset = 0) -> StudyList:
    """The studies that the user may see."""
    return studies.listed(deployment, user, limit, offset)


@router.get("/api/studies/{study}", summary="A study with its ranking", responses=refusals(404, 422))
def show_study(study: TheStudy, deployment: TheDeployment, user: CurrentUser) -> StudyInFull:
    """Strengths with intervals, agreement, consistency and correlations with metrics, for each axis."""
    return studies.show(deployment, user, study)


@router.post("/api/studies/{study}/close", summary="End the voting", responses=refusals(403, 404, 422))
def close_study(study: TheStudy, deployment: TheDeployment, user: CurrentUser) -> StudyInFull:
    """No more votes are accepted; everything stays."""
    return studies.close(deployment, user, study)


@router.post("/api/studies/{study}/reopen", summary="Go on with the voting", responses=refusals(403, 404, 422))
def reopen_study(study: TheStudy, deployment: TheDeployment, user: CurrentUser) -> StudyInFull:
    """Accept votes again."""
    return studies.close(deployment, user, study, again=True)


@router.delete("/api/studies/{study}", status_code=204, summary="Delete a study", responses=refusals(403, 404, 422))
def delete_study(study: TheStudy, deployment: TheDeployment, user: CurrentUser) -> None:
    """Removes its votes, its links and its run in MLflow. The compared jobs stay."""
    studies.remove(deployment, user, study)


@router.post(
    "/api/studies/{study}/links",
    status_code=201,
    summary="A link for raters without an account",
    responses=refusals(403, 404, 409, 422),
)
def create_rater_link(
    study: TheStudy, asked: LinkRequest, deployment: TheDeployment, user: CurrentUser
) -> NewRaterLink:
    """The token is shown only once."""
    return studies.add_link(deployment, user, study, asked)


@router.delete(
    "/api/studies/{study}/links/{name}", status_code=204, summary="Revoke a link", responses=refusals(403, 404, 422)
)
def revoke_rater_link(study: TheStudy, name: LinkName, deployment: TheDeployment, user: CurrentUser) -> None:
    """Ends the link at once. Its votes stay."""
    studies.revoke_link(deployment, user, study, name)


@router.get(
    "/api/studies/{study}/votes",
    summary="All votes as they were given",
    responses=refusals(404, 422),
    response_model=StudyExport,
)
def export_votes(
    study: TheStudy,
    deployment: TheDeployment,
    user: CurrentUser,
    format: Annotated[Literal["json", "csv"], Query(description="json or csv")] = "json",
) -> Response:
    """As a file to save: JSON, or CSV with one vote a line."""
    found = studies.export(deployment, user, study)
    body, media_type = (
        (studies.as_csv(found).encode(), "text/csv; charset=utf-8")
        if format == "csv"
        else (found.to_json(), "application/json")
    )
    name = quote(f"votes {found.study.name}.{format}", safe="")
    return Response(
        body, media_type=media_type, headers={"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
    )
