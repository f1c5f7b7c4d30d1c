"""Dead letters: nodes that failed their last attempt although another attempt could have helped.

They are written with the events that say so (``record.fold``) and stay until somebody removes them or their job is
deleted.
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
    """A node that was given up."""

    job: str
    node: str
    service: str
    version: str | None = None
    code: str = Field(description="The error's code, listed in docs/errors.md.")
    message: str
    attempt: int = Field(description="Which attempt was the last; 0 where it is not known.")
    worker: str
    at: float = Field(description="UTC, seconds since 1970.")
    error: ErrorInfo = Field(description="The whole error, with the end of the log where there is one.")


class DeadLetters:
    """The dead letters of a bench. Thread-safe; every method is one transaction and blocks for it.

    All methods raise WorkbenchError: sql.unreachable, home.disk_full, home.not_writable.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self, limit: int = 100, job: str | None = None, owner: str | None = None) -> Sequence[DeadLetter]:
        """The newest ``limit`` dead letters, newest first; of one job, or of one person's jobs, where it is named."""
        columns = dead_letters.c
        statement = (
            select(dead_letters).where(*_of(job), *_owned(owner)).order_by(columns.at.desc(), columns.job, columns.node)
        )
        with self._database.read() as connection:
            found = connection.execute(statement.limit(limit)).mappings().all()
        return [DeadLetter.model_validate(dict(row)) for row in found]

    def count(self, owner: str | None = None) -> int:
        """How many there are; of one person's jobs where it is named."""
        statement = select(func.count()).select_from(dead_letters).where(*_owned(owner))
        with self._database.read() as connection:
            return connection.execute(statement).scalar_one()

    def remove(self, job: str | None = None, node: str | None = None) -> int:
        """Remove those of a job, of one of its nodes, or all where neither is named; returns how many they were.

        They do not come back when their events are recorded again.
        """
        with self._database.write() as connection:
            return connection.execute(delete(dead_letters).where(*_of(job, node))).rowcount


def _owned(owner: str | None) -> list[ColumnElement[bool]]:
    if owner is None:
        return []
    return [dead_letters.c.job.in_(select(jobs.c.id).where(jobs.c.owner == owner))]


def _of(job: str | None, node: str | None = None) -> list[ColumnElement[bool]]:
    named = ((dead_letters.c.job, job), (dead_letters.c.node, node))
    return [column == value for column, value in named if value is not None]
