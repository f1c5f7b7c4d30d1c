"""Finds the artifacts that SQL refers to, and the rows about artifacts that nothing refers to.

A job refers to its inputs and outputs, a sweep to the inputs of its cells, and a user who uploaded a file has a claim
on it. The result cache counts as no
reference: its entries exist as long as a job has such a result.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, delete, exists, func, select

from workbench.store.database import Database
from workbench.store.statements import Statements
from workbench.store.tables import artifacts, computed, deliveries, job_artifacts, node_results, sweep_files, uploads

DIGEST = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_SOME = 500  # keys per statement
_REFERENCED_BY_JOBS = "SELECT DISTINCT sha256 FROM job_artifacts WHERE sha256 IN"
_REFERENCED_BY_SWEEPS = "SELECT DISTINCT sha256 FROM sweep_files WHERE sha256 IN"
_CLAIMED = "SELECT DISTINCT sha256 FROM uploads WHERE sha256 IN"


@dataclass(frozen=True)
class Stored:
    """An artifact in SQL."""

    sha256: str
    kind: str
    size_bytes: int


class ArtifactReferences:
    """References to artifacts in SQL. Thread-safe; every method is one blocking transaction.

    All methods raise WorkbenchError: sql.unreachable, home.disk_full, home.not_writable.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = Statements(database.dialect)

    def referenced(self, digests: Collection[str]) -> set[str]:
        """Those of the digests that a job, a sweep or an upload refers to."""
        with self._database.read() as connection:
            return self._referenced(connection, digests)

    def unreferenced(self) -> list[Stored]:
        """Artifacts that nothing refers to any more."""
        columns = artifacts.c
        by_jobs = exists().where(job_artifacts.c.sha256 == columns.sha256)
        by_uploads = exists().where(uploads.c.sha256 == columns.sha256)
        by_sweeps = exists().where(sweep_files.c.sha256 == columns.sha256)
        wanted = select(columns.sha256, columns.kind, func.coalesce(columns.size_bytes, 0))
        wanted = wanted.where(~by_jobs, ~by_sweeps, ~by_uploads)
        return [Stored(*row) for row in self._database.rows(wanted)]

    def freed_by(self, jobs: Collection[str], claims: Collection[tuple[str, str]] = ()) -> list[Stored]:
        """Artifacts that nothing would refer to without these jobs and these claims (owner, digest)."""
        mine: set[str] = {sha256 for _, sha256 in claims}
        with self._database.read() as connection:
            text = "SELECT DISTINCT sha256 FROM job_artifacts WHERE job IN"
            mine |= {row[0] for row in self._sql.select_in(connection, text, jobs)}
            others = "SELECT DISTINCT job, sha256 FROM job_artifacts WHERE sha256 IN"
            named = {sha for job, sha in self._sql.select_in(connection, others, mine) if job not in jobs}
            claimed = "SELECT owner, sha256 FROM uploads WHERE sha256 IN"
            named |= {row[1] for row in self._sql.select_in(connection, claimed, mine) if tuple(row) not in claims}
            stored = "SELECT sha256, kind, COALESCE(size_bytes, 0) FROM artifacts WHERE sha256 IN"
            return [Stored(*row) for row in self._sql.select_in(connection, stored, mine - named)]

    def referenced_by(self, jobs: Collection[str]) -> set[str]:
        """Digests that these jobs refer to."""
        text = "SELECT DISTINCT sha256 FROM job_artifacts WHERE job IN"
        with self._database.read() as connection:
            return {row[0] for row in self._sql.select_in(connection, text, jobs)}

    def recorded(self) -> set[str]:
        """All recorded artifacts, referenced or not, that were not yet collected."""
        return set(self._database.scalars(select(artifacts.c.sha256)))

    def stale_results(self, digests: Collection[str]) -> list[str]:
        """Content keys of cached results that no job has, or that refer to one of the digests."""
        of_jobs = exists().where(node_results.c.content_key == computed.c.content_key)
        with self._database.read() as connection:
            stale = set(connection.execute(select(computed.c.content_key).where(~of_jobs)).scalars())
            if digests:
                rows = self._sql.run(connection, "SELECT content_key, output FROM computed", ())
                stale.update(key for key, output in rows if mentions_any(output, digests))
        return sorted(stale)

    def results_in_use(self, keys: Collection[str]) -> set[str]:
        """Those of the content keys for which a job has a result."""
        text = "SELECT DISTINCT content_key FROM node_results WHERE content_key IN"
        with self._database.read() as connection:
            return {row[0] for row in self._sql.select_in(connection, text, keys)}

    def remove_results(self, keys: Iterable[str]) -> None:
        """Remove results from the cache's index."""
        with self._database.write() as connection:
            for some in _in_parts(sorted(keys)):
                connection.execute(delete(computed).where(computed.c.content_key.in_(some)))

    def remove_rows(self, digests: Iterable[str]) -> None:
        """Remove the rows of artifacts whose bytes are gone, unless something refers to them again."""
        with self._database.write() as connection:
            wanted = sorted(digests)
            gone = sorted(set(wanted) - self._referenced(connection, wanted))
            for some in _in_parts(gone):
                connection.execute(delete(artifacts).where(artifacts.c.sha256.in_(some)))
                connection.execute(delete(deliveries).where(deliveries.c.artifact.in_(some)))

    def _referenced(self, connection: Connection, digests: Collection[str]) -> set[str]:
        found = {row[0] for row in self._sql.select_in(connection, _REFERENCED_BY_JOBS, digests)}
        found |= {row[0] for row in self._sql.select_in(connection, _REFERENCED_BY_SWEEPS, digests)}
        return found | {row[0] for row in self._sql.select_in(connection, _CLAIMED, digests)}


def mentions_any(text: str, digests: Collection[str]) -> bool:
    """Whether a text contains one of the digests."""
    return any(found in digests for found in DIGEST.findall(text))


def _in_parts(keys: list[str]) -> Iterable[list[str]]:
    return (keys[start : start + _SOME] for start in range(0, len(keys), _SOME))
