"""The filter of the list of runs, as query parameters that several routes share."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query
from pydantic import FiniteFloat

from schemas.api import ApiStatus, JobId
from schemas.name import KnownName
from workbench.app.api._request import CurrentUser
from workbench.client.access import reader
from workbench.pipelines.registry import internal
from workbench.store.job_metrics import MetricCondition
from workbench.store.job_params import ParamCondition
from workbench.store.listing import JobFilter
from workbench.store.run_column import RunColumn, RunOrder

Named = Annotated[KnownName | None, Query()]
Id = Annotated[str | None, Query(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,63}$")]
Conditions = Query(max_length=20, description="name, name=value, name>=value …; name: param or node.param. Repeatable.")


def wanted_jobs(
    user: CurrentUser,
    status: Annotated[list[ApiStatus] | None, Query(max_length=6, description="Repeatable.")] = None,
    pipeline: Named = None,
    experiment: Named = None,
    owner: Named = None,
    text: Annotated[
        str | None,
        Query(max_length=200, pattern=r"^[^\x00]*$", description="Part of an id, a name, a prompt or a script."),
    ] = None,
    since: Annotated[FiniteFloat | None, Query(description="Accepted at or after: seconds since 1970.")] = None,
    before: Annotated[FiniteFloat | None, Query(description="Accepted before: seconds since 1970.")] = None,
    parameter: Annotated[list[str] | None, Conditions] = None,
    metric: Annotated[
        list[str] | None,
        Query(max_length=20, description="name, name<=number …; name: metric or node.metric. Repeatable."),
    ] = None,
    starred: Annotated[bool | None, Query(description="Only runs with a star, or only those without.")] = None,
    rating: Annotated[int | None, Query(ge=1, le=5, description="At least this rating.")] = None,
    tag: Named = None,
    sweep: Id = None,
    parent: Id = None,
    job: Annotated[list[JobId] | None, Query(max_length=500, description="Only these jobs. Repeatable.")] = None,
    sort: Annotated[
        str,
        Query(
            max_length=340,
            description="created, seconds, rating, param:NODE.NAME or metric:NODE.NAME; - in front: largest first. "
            "Runs without a value come last.",
        ),
    ] = "-created",
    column: Annotated[
        list[str] | None,
        Query(max_length=30, description="param:NODE.NAME or metric:NODE.NAME: a value of each run. Repeatable."),
    ] = None,
) -> JobFilter:
    """The jobs that the user may see and that match all filters."""
    return JobFilter(
        ids=job or None,
        shown_as=status or None,
        owner=owner,
        reader=reader(user),
        pipeline=pipeline,
        without_pipelines=[] if pipeline else internal(),
        experiment=experiment,
        sweep=sweep,
        parent=parent,
        text=text or None,
        params=[ParamCondition.parse(condition) for condition in parameter or []],
        metrics=[MetricCondition.parse(condition) for condition in metric or []],
        starred=starred,
        rating=rating,
        tag=tag,
        since=since,
        before=before,
        order=RunOrder.parse(sort),
        columns=[RunColumn.parse(one) for one in dict.fromkeys(column or [])],
    )


Wanted = Annotated[JobFilter, Depends(wanted_jobs)]
