"""Read access to artifacts: through a job that refers to the artifact, or because the user uploaded it."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any

from sqlalchemy import and_, delete, exists, func, select, union_all

from schemas.refs import Ref, read_ref
from workbench.store.collection_rounds import check_round
from workbench.store.database import Database
from workbench.store.record import artifact_row
from workbench.store.statements import Statements
from workbench.store.tables import artifacts, job_artifacts, jobs, uploads


class Grants:
    """Thread-safe; every method is one blocking transaction.

    All methods raise WorkbenchError: sql.unreachable, home.disk_full, home.not_writable.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = Statements(database.dialect)

    def add_upload(self, owner: str, ref: Ref, facts: dict[str, Any], seen: str | None = None) -> None:
        """Record that the owner uploaded the artifact. Uploading it again updates the facts and the time.

        Args:
            seen: the collection round (``CollectionRounds.wait_until_closed``) before its bytes were stored. If bytes
                were removed since, RoundChanged is raised and nothing is written.
        """
        now = time.time()
        row = {"owner": owner, "sha256": ref.sha256, "facts": facts, "created_at": now}
        with self._database.write() as connection:
            if seen is not None:
                check_round(self._sql, connection, self._database.dialect, seen)
            self._sql.insert_missing(connection, artifacts, [artifact_row(ref, now)])
            self._sql.upsert(connection, uploads, [row])

    def drop_upload(self, owner: str, sha256: str) -> bool:
        """Remove the owner's claim; jobs that refer to the artifact keep it. Returns whether there was a claim."""
        mine = (uploads.c.owner == owner) & (uploads.c.sha256 == sha256)
        return self._database.change(delete(uploads).where(mine)) > 0

    def uploads(self, owner: str) -> list[tuple[Ref, float]]:
        """Reference and time of all uploads of the owner, newest first."""
        mine = select(artifacts.c.facts, uploads.c.created_at).where(uploads.c.owner == owner)
        mine = mine.join(artifacts, artifacts.c.sha256 == uploads.c.sha256).order_by(uploads.c.created_at.desc())
        with self._database.read() as connection:
            found = [(read_ref(row[0]), row[1]) for row in connection.execute(mine)]
        return [(ref, at) for ref, at in found if ref is not None]

    def upload(self, owner: str, sha256: str) -> dict[str, Any] | None:
        """The facts of an upload of the owner, or None."""
        wanted = select(uploads.c.facts).where(uploads.c.owner == owner, uploads.c.sha256 == sha256)
        found: dict[str, Any] | None = self._database.scalar(wanted)
        return found

    def any_upload(self, sha256: str) -> Ref | None:
        """The reference of an upload of any user, for users who may see everything."""
        wanted = select(artifacts.c.facts).join(uploads, uploads.c.sha256 == artifacts.c.sha256)
        return read_ref(self._database.scalar(wanted.where(artifacts.c.sha256 == sha256).limit(1)))

    def readable(self, sha256: str, owner: str, *, all_jobs: bool) -> Ref | None:
        """The reference, as first recorded, of an artifact that the owner may read; None for any other.

        Args:
            all_jobs: whether the owner may also read through the jobs of others; never through their uploads.
        """
        of_jobs = select(job_artifacts.c.sha256).where(job_artifacts.c.sha256 == sha256)
        if not all_jobs:
            of_jobs = of_jobs.join(jobs, jobs.c.id == job_artifacts.c.job).where(jobs.c.owner == owner)
        own = select(uploads.c.sha256).where(uploads.c.sha256 == sha256, uploads.c.owner == owner)
        wanted = select(artifacts.c.facts).where(
            artifacts.c.sha256 == sha256, exists(union_all(of_jobs, own).subquery().select())
        )
        return read_ref(self._database.scalar(wanted))

    def earlier(
        self, owner: str, kinds: Collection[str], limit: int, *, types: Collection[str] = ()
    ) -> list[tuple[Ref, float]]:
        """Files that the owner uploaded or used in a job, with the time of the last use; newest first.

        Files that jobs produced are not included; users find them at their runs.

        Args:
            kinds: image, audio, video, …
            types: media types of files of the kind file, which are also included.
        """
        taken = job_artifacts.alias("taken")
        made = select(job_artifacts.c.sha256).where(
            job_artifacts.c.sha256 == taken.c.sha256, job_artifacts.c.role == "output"
        )
        of_jobs = (
            select(taken.c.sha256, jobs.c.created_at.label("at"))
            .join(jobs, jobs.c.id == taken.c.job)
            .where(jobs.c.owner == owner, taken.c.role == "input", ~exists(made))
        )
        own = select(uploads.c.sha256, uploads.c.created_at.label("at")).where(uploads.c.owner == owner)
        times = union_all(own, of_jobs).subquery()
        last = select(times.c.sha256, func.max(times.c.at).label("at")).group_by(times.c.sha256).subquery()
        wanted = (
            select(artifacts.c.facts, uploads.c.facts.label("upload"), last.c.at)
            .join(last, last.c.sha256 == artifacts.c.sha256)
            .outerjoin(uploads, and_(uploads.c.sha256 == artifacts.c.sha256, uploads.c.owner == owner))
            .where(artifacts.c.kind.in_(kinds) | ((artifacts.c.kind == "file") & artifacts.c.media_type.in_(types)))
            .order_by(last.c.at.desc(), artifacts.c.sha256)
            .limit(limit)
        )
        rows = self._database.rows(wanted)
        # Another user may have uploaded the same bytes first, so use the name that this owner gave them.
        found = ((read_ref(row.upload["ref"] if row.upload else row.facts), row.at) for row in rows)
        return [(ref, at) for ref, at in found if ref is not None]
