"""Dead letters: nodes that failed their last attempt although another attempt could have succeeded.

They are written together with the event of that failure (``record.fold``), and remain until a user removes them or
their job is deleted.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field
from sqlalchemy import ColumnElement, delete, func, select

from schemas.base import Contract
from schemas.errors import ErrorInfo
from workbench.store.database import Database
from workbench.store.tables import dead_letters, jobs


class DeadLetter(Contract):
    """A node that ran out of attempts."""

    job: str
    node: str
    service: str
    version: str | None = None
    code: str = Field(description="The error's code, listed in docs/errors.md.")
    message: str
    attempt: int = Field(description="Number of the last attempt; 0 if it is not known.")
    worker: str
    at: float = Field(description="UTC, seconds since 1970.")
    error: ErrorInfo = Field(description="The full error, with the end of the log if there is one.")


class DeadLetters:
    """The dead letters of a deployment. Thread-safe; every method is one blocking transaction.

    All methods raise WorkbenchError: sql.unreachable, home.disk_full, home.not_writable.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self, limit: int = 100, job: str | None = None, owner: str | None = None) -> Sequence[DeadLetter]:
        """The newest ``limit`` dead letters, newest first; optionally only those of one job or one owner."""
        columns = dead_letters.c
        statement = (
            select(dead_letters).where(*_of(job), *_owned(owner)).order_by(columns.at.desc(), columns.job, columns.node)
        )
        found = self._database.mappings(statement.limit(limit))
        return [DeadLetter.model_validate(dict(row)) for row in found]

    def count(self, owner: str | None = None) -> int:
        """The number of dead letters; optionally only those of one owner's jobs."""
        statement = select(func.count()).select_from(dead_letters).where(*_owned(owner))
        with self._database.read() as connection:
            return connection.execute(statement).scalar_one()

    def remove(self, job: str | None = None, node: str | None = None) -> int:
        """Remove the dead letters of a job or of one of its nodes; by default, all. Returns how many were removed.

        They do not reappear if their events are recorded again.
        """
        return self._database.change(delete(dead_letters).where(*_of(job, node)))


def _owned(owner: str | None) -> list[ColumnElement[bool]]:
    if owner is None:
        return []
    return [dead_letters.c.job.in_(select(jobs.c.id).where(jobs.c.owner == owner))]


def _of(job: str | None, node: str | None = None) -> list[ColumnElement[bool]]:
    named = ((dead_letters.c.job, job), (dead_letters.c.node, node))
    return [column == value for column, value in named if value is not None]
