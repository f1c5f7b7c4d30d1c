"""The list of runs as a table: its columns, marks, actions on many runs, export, and saved views."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Path, Query, Response

from schemas.name import KnownName
from schemas.runs import (
    DeletedMany,
    DeleteMany,
    JobIds,
    JobMarks,
    KnownColumns,
    Marked,
    MarkMany,
    Marks,
    RunsView,
    ViewList,
    ViewValues,
)
from workbench.app.api._filter import Wanted
from workbench.app.api._request import CurrentUser, StrictRoute, TheDeployment, TheJob, refusals
from workbench.client import runs
from workbench.store.job_marks import MarkChange

router = APIRouter(tags=["runs"], route_class=StrictRoute)

ViewName = Annotated[KnownName, Path(description="Name of the view.")]
_FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The table.",
        "content": {"text/csv": {"schema": {"type": "string"}}, "application/json": {"schema": {"type": "object"}}},
    }
}


@router.get("/api/columns", summary="The parameters, metrics and tags that runs have", responses=refusals(422))
def list_columns(deployment: TheDeployment, user: CurrentUser, wanted: Wanted) -> KnownColumns:
    """Those of the matching runs, with type and meaning. Those in which the runs differ come first."""
    return runs.columns_of(deployment, user, wanted)


@router.get("/api/job-ids", summary="The ids of all runs of a list", responses=refusals(422))
def list_ids(deployment: TheDeployment, user: CurrentUser, wanted: Wanted) -> JobIds:
    """In the order of the list, at most 20,000: to act on all runs that match now."""
    return runs.ids_matching(deployment, wanted)


@router.get(
    "/api/table",
    summary="All runs of a list with the wanted columns, as CSV or JSON",
    response_class=Response,
    responses={**refusals(422), **_FILE},
)
def export_table(
    deployment: TheDeployment,
    user: CurrentUser,
    wanted: Wanted,
    form: Annotated[Literal["csv", "json"], Query(alias="format")] = "csv",
) -> Response:
    """CSV: UTF-8 with a heading; a text that a spreadsheet would run as a formula begins with an apostrophe."""
    table = runs.table_of(deployment, wanted)
    if form == "csv":
        body, media_type = runs.csv_of(table).encode(), "text/csv; charset=utf-8"
    else:
        body, media_type = orjson.dumps(table.model_dump(mode="json", by_alias=True)), "application/json"
    return Response(body, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="runs.{form}"'})


@router.put("/api/jobs/{job_id}/marks", summary="Star, rate and tag a job", responses=refusals(403, 404, 413, 422))
def put_marks(job_id: TheJob, marks: Marks, deployment: TheDeployment, user: CurrentUser) -> JobMarks:
    """Replaces the marks, which everybody sees who sees the job. For its owner and administrators."""
    return runs.mark(deployment, user, job_id, marks)


@router.post("/api/marks", summary="Star, rate and tag many jobs", responses=refusals(403, 404, 413, 422))
def mark_many(asked: MarkMany, deployment: TheDeployment, user: CurrentUser) -> Marked:
    """Changes all of the jobs or, if the user may not change one of them, none."""
    change = MarkChange(asked.starred, asked.rating, None, asked.add_tags, asked.remove_tags)
    return Marked(jobs=runs.mark_many(deployment, user, asked.jobs, change))


@router.post("/api/deletions", summary="Delete many finished jobs", responses=refusals(403, 413, 422))
def delete_many(asked: DeleteMany, deployment: TheDeployment, user: CurrentUser) -> DeletedMany:
    """Deletes those that are finished and that the user may change, and says why others were left."""
    return runs.delete_many(deployment, user, asked.jobs)


@router.get("/api/views", summary="The user's saved views of the list of runs", responses=refusals())
def list_views(deployment: TheDeployment, user: CurrentUser) -> ViewList:
    """By name."""
    return ViewList(views=runs.views_of(deployment, user))


@router.put("/api/views/{name}", summary="Save a view of the list of runs", responses=refusals(413, 422))
def put_view(name: ViewName, values: ViewValues, deployment: TheDeployment, user: CurrentUser) -> RunsView:
    """Filters, columns and order under a name. Replaces the user's own view of that name."""
    return runs.keep_view(deployment, user, name, values)


@router.delete("/api/views/{name}", summary="Delete a saved view", responses=refusals(422))
def remove_view(name: ViewName, deployment: TheDeployment, user: CurrentUser) -> ViewList:
    """Returns the remaining views. A view that does not exist changes nothing."""
    runs.delete_view(deployment, user, name)
    return ViewList(views=runs.views_of(deployment, user))
