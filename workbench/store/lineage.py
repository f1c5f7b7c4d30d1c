"""Finds where a job's inputs come from and which jobs use its outputs, by the artifacts that jobs refer to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, select, true

from schemas.api import FromJob, Lineage, UsedBy
from workbench.store.database import Database
from workbench.store.tables import artifacts, job_artifacts, jobs

MOST = 200  # entries in each list


def lineage(database: Database, job: str, owner: str | None = None) -> Lineage:
    """The jobs related to a job, newest first within each kind.

    Args:
        owner: only jobs of this owner; None for all jobs.

    Raises WorkbenchError: sql.unreachable.
    """
    visible: ColumnElement[bool] = true() if owner is None else jobs.c.owner == owner
    children = select(jobs.c.id).where(jobs.c.parent == job, visible).order_by(jobs.c.created_at.desc())
    parents = select(jobs.c.id).where(
        jobs.c.id == select(jobs.c.parent).where(jobs.c.id == job).scalar_subquery(), visible
    )
    with database.read() as connection:
        made = connection.execute(makers(job, visible)).all()
        used = connection.execute(users(job, visible)).all()
        found: Sequence[str] = connection.execute(children.limit(MOST)).scalars().all()
        parent: str | None = connection.execute(parents).scalar()
    return Lineage(
        from_=[
            FromJob(sha256=row[0], node=row[1], name=row[2], job=row[3], made_by=row[4], output=row[5], kind=row[6])
            for row in made
        ],
        used_by=[UsedBy(job=row[0], node=row[1], name=row[2], sha256=row[3]) for row in used],
        parent=parent,
        children=list(found),
    )


def makers(job: str, visible: ColumnElement[bool]) -> Select[Any]:
    """For each input of the job: sha256, node, name, then job, node, name of the output that produced it, and kind."""
    mine, other = job_artifacts.alias(), job_artifacts.alias()
    return (
        select(mine.c.sha256, mine.c.node, mine.c.name, other.c.job, other.c.node, other.c.name, artifacts.c.kind)
        .join(other, other.c.sha256 == mine.c.sha256)
        .join(jobs, jobs.c.id == other.c.job)
        .join(artifacts, artifacts.c.sha256 == mine.c.sha256)
        .where(mine.c.job == job, mine.c.role == "input", other.c.role == "output", other.c.job != job, visible)
        .order_by(mine.c.node, mine.c.name, jobs.c.created_at.desc())
        .limit(MOST)
    )


def users(job: str, visible: ColumnElement[bool]) -> Select[Any]:
    """For each use of an output of the job: job, node and name of the input, sha256, and the time of that job."""
    mine, other = job_artifacts.alias(), job_artifacts.alias()
    return (
        # The time is selected because PostgreSQL orders distinct rows only by selected columns.
        select(other.c.job, other.c.node, other.c.name, mine.c.sha256, jobs.c.created_at)
        .join(other, other.c.sha256 == mine.c.sha256)
        .join(jobs, jobs.c.id == other.c.job)
        .where(mine.c.job == job, mine.c.role == "output", other.c.role == "input", other.c.job != job, visible)
        .order_by(jobs.c.created_at.desc(), other.c.node, other.c.name)
        .distinct()
        .limit(MOST)
    )
