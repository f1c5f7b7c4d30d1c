"""Finds out from SQL where an artifact comes from and which jobs need it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import exists, or_, select

from schemas.refs import Ref, read_ref
from workbench.store.database import Database
from workbench.store.tables import artifacts, job_artifacts, jobs, uploads

MOST = 50  # jobs in each list
PAGE = 500


@dataclass(frozen=True)
class Origin:
    """The origin and the uses of an artifact. Job ids are ordered newest first.

    Attributes:
        made_by: jobs that have it as an output, computed or from the cache.
        used_by: jobs that have it as an input.
        uploaded_by: users who uploaded it. Such an artifact cannot be computed, even if a node passed it on.
        runs: MLflow runs of the jobs that have it as an output.
    """

    made_by: tuple[str, ...]
    used_by: tuple[str, ...]
    uploaded_by: tuple[str, ...]
    runs: tuple[str, ...]

    @property
    def computable(self) -> bool:
        """Whether running a job again produces these bytes again."""
        return bool(self.made_by) and not self.uploaded_by

    @property
    def irreplaceable(self) -> bool:
        """Whether a person provided it and no job can produce it."""
        return bool(self.uploaded_by or self.used_by) and not self.computable


def origin_of(database: Database, sha256: str) -> Origin:
    """The origin of the digest according to SQL. Raises WorkbenchError: sql.unreachable."""
    named = (
        select(job_artifacts.c.role, jobs.c.id, jobs.c.mlflow_run_id)
        .join(jobs, jobs.c.id == job_artifacts.c.job)
        .where(job_artifacts.c.sha256 == sha256)
        .order_by(jobs.c.created_at.desc())
        .limit(4 * MOST)
    )
    with database.read() as connection:
        rows: Sequence[Any] = connection.execute(named).all()
        owners = connection.execute(
            select(uploads.c.owner).where(uploads.c.sha256 == sha256).order_by(uploads.c.owner)
        ).scalars()
        return Origin(
            made_by=_first(row.id for row in rows if row.role == "output"),
            used_by=_first(row.id for row in rows if row.role == "input"),
            uploaded_by=tuple(owners),
            runs=_first(row.mlflow_run_id for row in rows if row.role == "output" and row.mlflow_run_id),
        )


def known_ref(database: Database, sha256: str) -> Ref | None:
    """The reference as first recorded, without an access check; None if the digest is not in SQL."""
    return read_ref(database.scalar(select(artifacts.c.facts).where(artifacts.c.sha256 == sha256)))


def named_refs(database: Database, after: str = "") -> Iterator[Ref]:
    """All references of jobs and uploads, ordered by digest, starting after ``after``; read page by page."""
    by_job = exists().where(job_artifacts.c.sha256 == artifacts.c.sha256)
    by_person = exists().where(uploads.c.sha256 == artifacts.c.sha256)
    wanted = select(artifacts.c.facts).where(or_(by_job, by_person)).order_by(artifacts.c.sha256).limit(PAGE)
    while True:
        facts = database.scalars(wanted.where(artifacts.c.sha256 > after))
        found = [ref for ref in map(read_ref, facts) if ref is not None]
        if not found:
            return
        yield from found
        after = found[-1].sha256


def _first(ids: Iterator[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(ids))[:MOST]


def using_jobs(database: Database, sha256: str, owner: str | None, limit: int) -> list[str]:
    """Jobs that were given the artifact as an input, newest first.

    Args:
        owner: only jobs of this owner; None for all jobs.
    """
    wanted = (
        select(jobs.c.id)
        .join(job_artifacts, job_artifacts.c.job == jobs.c.id)
        .where(job_artifacts.c.sha256 == sha256, job_artifacts.c.role == "input")
        .group_by(jobs.c.id, jobs.c.created_at)
        .order_by(jobs.c.created_at.desc())
        .limit(limit)
    )
    return list(database.scalars(wanted if owner is None else wanted.where(jobs.c.owner == owner)))


def jobs_of_graph(database: Database, graph_hash: str, owner: str | None, limit: int = 20) -> list[str]:
    """Jobs whose graph has this hash, newest first. ``owner`` as of ``using_jobs``."""
    wanted = select(jobs.c.id).where(jobs.c.graph_hash == graph_hash).order_by(jobs.c.created_at.desc()).limit(limit)
    return list(database.scalars(wanted if owner is None else wanted.where(jobs.c.owner == owner)))
