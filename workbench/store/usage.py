"""How many bytes of artifacts a deployment, or one of its users, has stored."""

from __future__ import annotations

from sqlalchemy import func, or_, select

from workbench.store.database import Database
from workbench.store.tables import artifacts, job_artifacts, jobs, uploads


def stored_bytes(database: Database, owner: str | None = None) -> int:
    """The size of all artifacts; with an owner, of those that the owner uploaded or whose job made them.

    Bytes that several users have count for each of them. Raises WorkbenchError: sql.unreachable.
    """
    total = select(func.coalesce(func.sum(artifacts.c.size_bytes), 0))
    if owner is not None:
        given = select(uploads.c.sha256).where(uploads.c.owner == owner)
        made = (
            select(job_artifacts.c.sha256)
            .join(jobs, jobs.c.id == job_artifacts.c.job)
            .where(jobs.c.owner == owner, job_artifacts.c.role == "output")
        )
        total = total.where(or_(artifacts.c.sha256.in_(given), artifacts.c.sha256.in_(made)))
    return int(database.scalar(total) or 0)
