"""Which jobs a list contains, and in which order."""

from __future__ import annotations

import orjson
from pydantic import Field
from sqlalchemy import ColumnElement, Text, and_, exists, or_, select, type_coerce

from schemas.api import ApiStatus
from schemas.base import Contract
from schemas.status import JobStatus
from workbench.store.job_metrics import MetricCondition
from workbench.store.job_params import ParamCondition, spoken
from workbench.store.run_column import RunColumn, RunOrder
from workbench.store.tables import events, job_marks, jobs


class JobFilter(Contract):
    """Which jobs to list. None means no restriction."""

    ids: list[str] | None = Field(None, max_length=1000)
    status: list[JobStatus] | None = None
    shown_as: list[ApiStatus] | None = Field(None, description="Statuses as named by the HTTP API.")
    owner: str | None = None
    reader: str | None = Field(None, description="Only jobs that this user may see; null for all.")
    pipeline: str | None = None
    without_pipelines: list[str] = Field(default_factory=list, description="Pipelines whose jobs are excluded.")
    experiment: str | None = None
    sweep: str | None = None
    parent: str | None = None
    tag: str | None = None
    text: str | None = Field(
        None, description="Part of a job id, workflow, pipeline, experiment, prompt or script; case ignored."
    )
    params: list[ParamCondition] = Field(default_factory=list, description="Conditions that must all hold.")
    metrics: list[MetricCondition] = Field(default_factory=list, description="Conditions that must all hold.")
    starred: bool | None = None
    rating: int | None = Field(None, description="At least this rating.")
    since: float | None = Field(None, description="Accepted at or after this time: UTC, seconds since 1970.")
    before: float | None = Field(None, description="Accepted before this time: UTC, seconds since 1970.")
    order: RunOrder = RunOrder()
    columns: list[RunColumn] = Field(default_factory=list, description="Values to read with each job.")
    limit: int = Field(50, ge=1, le=1000)
    offset: int = Field(0, ge=0)


def conditions_of(wanted: JobFilter) -> list[ColumnElement[bool]]:
    """The conditions on rows of ``jobs``."""
    conditions: list[ColumnElement[bool]] = []
    if wanted.status is not None:
        conditions.append(jobs.c.status.in_([status.value for status in wanted.status]))
    if wanted.shown_as is not None:
        conditions.append(or_(*(_shown(status) for status in wanted.shown_as)))
    if wanted.ids is not None:
        conditions.append(jobs.c.id.in_(wanted.ids))
    if wanted.reader is not None:
        conditions.append(jobs.c.owner == wanted.reader)
    if wanted.without_pipelines:
        conditions.append(jobs.c.pipeline.not_in(wanted.without_pipelines))
    conditions += [condition.clause() for condition in wanted.params]
    conditions += [condition.clause() for condition in wanted.metrics]
    for name in ("owner", "pipeline", "experiment", "sweep", "parent"):
        if (value := getattr(wanted, name)) is not None:
            conditions.append(jobs.c[name] == value)
    if wanted.tag is not None:
        conditions.append(tagged(wanted.tag))
    if wanted.starred is not None:
        starred = jobs.c.id.in_(select(job_marks.c.job).where(job_marks.c.starred.is_(True)))
        conditions.append(starred if wanted.starred else ~starred)
    if wanted.rating is not None:
        conditions.append(jobs.c.id.in_(select(job_marks.c.job).where(job_marks.c.rating >= wanted.rating)))
    if wanted.text:
        searched = (jobs.c.id, jobs.c.workflow_id, jobs.c.pipeline, jobs.c.experiment)
        named = [column.icontains(wanted.text, autoescape=True) for column in searched]
        conditions.append(or_(*named, spoken(wanted.text)))
    if wanted.since is not None:
        conditions.append(jobs.c.created_at >= wanted.since)
    if wanted.before is not None:
        conditions.append(jobs.c.created_at < wanted.before)
    return conditions


def tagged(tag: str) -> ColumnElement[bool]:
    """The condition that a job has this tag."""
    return type_coerce(jobs.c.tags, Text).contains(tag_as_stored(tag), autoescape=True)


def tag_as_stored(tag: str) -> str:
    """The tag within the JSON text of ``jobs.tags``."""
    return orjson.dumps(tag).decode()


def _shown(status: ApiStatus) -> ColumnElement[bool]:
    """The condition that a job has this status of the HTTP API, as defined by ``schemas.api.api_status``."""
    accepted = jobs.c.status == JobStatus.ACCEPTED.value
    if status is ApiStatus.ADVERTISED:
        return and_(accepted, ~has_events)
    if status is ApiStatus.QUEUED:
        return or_(and_(accepted, has_events), jobs.c.status == JobStatus.WAITING.value)
    return jobs.c.status == status.value


has_events = exists().where(events.c.job == jobs.c.id)
