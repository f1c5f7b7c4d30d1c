"""Lists of jobs: the filter, one line a job, a page with the total."""

from __future__ import annotations

from typing import Any

from pydantic import Field
from sqlalchemy import ColumnElement, Connection, Text, case, func, or_, select, type_coerce

from schemas.base import Contract
from schemas.errors import ErrorInfo
from schemas.status import FINAL_NODE_STATUSES, JobStatus, Lane
from workbench.store.tables import jobs, node_results


class JobFilter(Contract):
    """Which jobs to list; what is None does not matter."""

    status: list[JobStatus] | None = None
    owner: str | None = None
    pipeline: str | None = None
    experiment: str | None = None
    sweep: str | None = None
    parent: str | None = None
    tag: str | None = None
    text: str | None = Field(None, description="Part of a job id, workflow, pipeline or experiment; case ignored.")
    since: float | None = Field(None, description="Accepted at or after: UTC, seconds since 1970.")
    before: float | None = Field(None, description="Accepted before: UTC, seconds since 1970.")
    limit: int = Field(50, ge=1, le=1000)
    offset: int = Field(0, ge=0)


class JobLine(Contract):
    """One job of a list: what a table shows, without the graph."""

    id: str
    status: JobStatus
    workflow_id: str
    owner: str
    pipeline: str
    experiment: str
    seed: int
    parent: str | None = None
    sweep: str | None = None
    lane: Lane
    tags: list[str] = Field(default_factory=list)
    graph_hash: str
    progress: float = Field(description="Share of the work that is final, 0 to 1.")
    nodes: int = Field(description="Nodes of the graph.")
    nodes_final: int = Field(description="Nodes that are final.")
    nodes_cached: int = Field(description="Nodes that reused an earlier computation.")
    error: ErrorInfo | None = None
    created_at: float
    started_at: float | None = None
    finished_at: float | None = None
    mlflow_run_id: str | None = None


class JobPage(Contract):
    """One page of a list."""

    jobs: list[JobLine]
    total: int = Field(description="Jobs that match, on all pages.")


def list_jobs(connection: Connection, wanted: JobFilter) -> JobPage:
    """Jobs that match, newest first."""
    conditions = _conditions(wanted)
    columns = [column for column in jobs.c if column.name in JobLine.model_fields]
    statement = select(*columns).where(*conditions).order_by(jobs.c.created_at.desc(), jobs.c.id)
    found = connection.execute(statement.limit(wanted.limit).offset(wanted.offset)).mappings().all()
    total = connection.execute(select(func.count()).select_from(jobs).where(*conditions)).scalar_one()
    counts = _counts(connection, [row["id"] for row in found])
    return JobPage(jobs=[JobLine.model_validate({**row, **counts[row["id"]]}) for row in found], total=total)


def _conditions(wanted: JobFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.status is not None:
        conditions.append(jobs.c.status.in_([status.value for status in wanted.status]))
    for name in ("owner", "pipeline", "experiment", "sweep", "parent"):
        if (value := getattr(wanted, name)) is not None:
            conditions.append(jobs.c[name] == value)
    if wanted.tag is not None:
        conditions.append(type_coerce(jobs.c.tags, Text).contains(f'"{wanted.tag}"', autoescape=True))
    if wanted.text:
        searched = (jobs.c.id, jobs.c.workflow_id, jobs.c.pipeline, jobs.c.experiment)
        conditions.append(or_(*(column.icontains(wanted.text, autoescape=True) for column in searched)))
    if wanted.since is not None:
        conditions.append(jobs.c.created_at >= wanted.since)
    if wanted.before is not None:
        conditions.append(jobs.c.created_at < wanted.before)
    return conditions


def _counts(connection: Connection, ids: list[str]) -> dict[str, dict[str, Any]]:
    final = [status.value for status in FINAL_NODE_STATUSES]
    statement = (
        select(
            node_results.c.job,
            func.count().label("nodes"),
            func.sum(case((node_results.c.status.in_(final), 1), else_=0)).label("nodes_final"),
            func.sum(case((node_results.c.cached, 1), else_=0)).label("nodes_cached"),
        )
        .where(node_results.c.job.in_(ids))
        .group_by(node_results.c.job)
    )
    found = connection.execute(statement).mappings().all()
    return {row["job"]: {name: row[name] for name in ("nodes", "nodes_final", "nodes_cached")} for row in found}
