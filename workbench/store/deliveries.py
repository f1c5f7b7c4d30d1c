"""The digests of files that left the workbench, so that they are recognised later."""

from __future__ import annotations

import time
from dataclasses import dataclass

from sqlalchemy import select

from schemas.errors import WorkbenchError
from workbench.store.database import Database
from workbench.store.statements import Statements
from workbench.store.tables import deliveries, job_artifacts, jobs, uploads


@dataclass(frozen=True)
class DeliveredFile:
    """A delivered file.

    Attributes:
        sha256: of the delivered bytes, with the manifest.
        artifact: SHA-256 of the stored bytes.
        job: the job that made it; None if it was made outside a job.
        at: UTC, seconds since 1970.
    """

    sha256: str
    artifact: str
    job: str | None
    at: float


class Deliveries:
    """Thread-safe; every method is one blocking transaction.

    All methods raise WorkbenchError: sql.unreachable, home.disk_full, home.not_writable.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = Statements(database.dialect)

    def add(self, sha256: str, artifact: str, job: str | None, issuer: str) -> None:
        """Record a delivered file. Raises WorkbenchError (job.unknown) if the job was deleted meanwhile.

        Args:
            issuer: fingerprint of the certificate that signed it.
        """
        row = {"sha256": sha256, "artifact": artifact, "job": job, "issuer": issuer, "at": time.time()}
        with self._database.write() as connection:
            if job is not None and connection.execute(select(jobs.c.id).where(jobs.c.id == job)).first() is None:
                raise WorkbenchError("job.unknown", f"the job {job} was deleted", where=job)
            self._sql.insert_missing(connection, deliveries, [row])

    def latest(self, artifact: str, job: str | None, issuer: str) -> str | None:
        """The digest of the latest delivery of an artifact as a result of this job, signed by this issuer."""
        columns = deliveries.c
        mine = (columns.artifact == artifact) & (columns.issuer == issuer) & (columns.job.is_not_distinct_from(job))
        return self._database.scalar(select(columns.sha256).where(mine).order_by(columns.at.desc()).limit(1))

    def find(self, sha256: str) -> DeliveredFile | None:
        """The delivered file with this digest."""
        columns = deliveries.c
        wanted = select(columns.sha256, columns.artifact, columns.job, columns.at).where(columns.sha256 == sha256)
        row = next(iter(self._database.rows(wanted)), None)
        return DeliveredFile(*row) if row else None

    def making_jobs(self, artifact: str, owner: str | None, limit: int = 20) -> list[str]:
        """Jobs that have the artifact as an output, newest first.

        Args:
            owner: only jobs of this owner; None for all jobs.
        """
        wanted = (
            select(jobs.c.id)
            .join(job_artifacts, job_artifacts.c.job == jobs.c.id)
            .where(job_artifacts.c.sha256 == artifact, job_artifacts.c.role == "output")
            .group_by(jobs.c.id, jobs.c.created_at)
            .order_by(jobs.c.created_at.desc())
        )
        return list(
            self._database.scalars((wanted if owner is None else wanted.where(jobs.c.owner == owner)).limit(limit))
        )

    def was_given(self, artifact: str) -> bool:
        """Whether a person provided the artifact: an upload, or an input of a job that no job has as an output."""
        names = job_artifacts.c
        with self._database.read() as connection:
            if connection.execute(select(uploads.c.owner).where(uploads.c.sha256 == artifact).limit(1)).first():
                return True
            roles = set(connection.execute(select(names.role).where(names.sha256 == artifact).distinct()).scalars())
        return roles == {"input"}
