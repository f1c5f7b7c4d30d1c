"""What people say about jobs: a star, a rating, tags.

A job has one mark for everybody who sees it, set by those who may change the job: it says which runs of an experiment
count, which a lab has to agree on. Opinions of many people about the same videos are votes. Tags are those of the
submitted graph at first and can be changed here; ``jobs.tags`` is what filters and the rule of retention read. The
graph keeps what was submitted.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from workbench.store.database import Database
from workbench.store.statements import Statements
from workbench.store.tables import job_marks, jobs

_SOME = 500


@dataclass(frozen=True)
class Mark:
    """The mark of a job; ``rating`` is None or 1 to 5."""

    starred: bool = False
    rating: int | None = None
    tags: tuple[str, ...] = ()
    owner: str = ""  # of the job


@dataclass(frozen=True)
class MarkChange:
    """What to change; None changes nothing. ``rating`` 0 removes the rating. ``tags`` replaces all tags."""

    starred: bool | None = None
    rating: int | None = None
    tags: Sequence[str] | None = None
    add_tags: Collection[str] = ()
    remove_tags: Collection[str] = ()

    def applied(self, mark: Mark) -> Mark:
        tags = mark.tags if self.tags is None else self.tags
        kept = [tag for tag in tags if tag not in self.remove_tags]
        return Mark(
            starred=mark.starred if self.starred is None else self.starred,
            rating=mark.rating if self.rating is None else (self.rating or None),
            tags=tuple(dict.fromkeys([*kept, *self.add_tags])),
            owner=mark.owner,
        )


class Marks:
    """The marks of a deployment. Thread-safe; every method is one blocking transaction.

    All methods raise WorkbenchError: sql.unreachable, home.disk_full, home.not_writable.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = Statements(database.dialect)

    def of(self, ids: Sequence[str]) -> dict[str, Mark]:
        """The marks of those of these jobs that exist."""
        found: dict[str, Mark] = {}
        with self._database.read() as connection:
            for start in range(0, len(ids), _SOME):
                found |= _marks(connection, ids[start : start + _SOME])
        return found

    def change(self, ids: Sequence[str], change: MarkChange, author: str) -> dict[str, Mark]:
        """Change the marks of jobs in one transaction. Returns the marks of those that exist."""
        now = time.time()
        changed: dict[str, Mark] = {}
        with self._database.write() as connection:
            for start in range(0, len(ids), _SOME):
                before = _marks(connection, ids[start : start + _SOME])
                after = {job: change.applied(mark) for job, mark in before.items()}
                retagged = [
                    {"of": job, "now": list(mark.tags)} for job, mark in after.items() if mark.tags != before[job].tags
                ]
                if retagged:
                    statement = update(jobs).where(jobs.c.id == bindparam("of")).values(tags=bindparam("now"))
                    connection.execute(statement, retagged)
                rows = [_row(job, mark, author, now) for job, mark in after.items()]
                self._sql.upsert(connection, job_marks, rows)
                changed |= after
        return changed


def _marks(connection: Connection, ids: Sequence[str]) -> dict[str, Mark]:
    own = job_marks.c
    statement = (
        select(jobs.c.id, jobs.c.owner, jobs.c.tags, own.starred, own.rating)
        .outerjoin(job_marks, own.job == jobs.c.id)
        .where(jobs.c.id.in_(ids))
    )
    return {
        row.id: Mark(bool(row.starred), row.rating, tuple(row.tags or ()), row.owner)
        for row in connection.execute(statement)
    }


def _row(job: str, mark: Mark, author: str, at: float) -> Mapping[str, Any]:
    return {"job": job, "starred": mark.starred, "rating": mark.rating, "author": author, "changed_at": at}
