"""The recorded consents: who said that the people in a file agreed to its use, when, and with which words."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select, true, update

from schemas.consent import ConsentRecord, ConsentSource
from schemas.refs import Ref, read_ref
from workbench.store.database import Database
from workbench.store.statements import Statements
from workbench.store.tables import artifacts, consents, job_artifacts, jobs, uploads

_SOME = 500  # keys per statement
_HOME = ""  # in place of a digest: every file of an owner


@dataclass(frozen=True)
class Chosen:
    """The records that an erasure removes: those that one of the first three chooses.

    Attributes:
        files: digests of the erased files.
        owner: an erased owner.
        name: an erased person.
        only: spare the records for other owners than this one.
    """

    files: Collection[str] = ()
    owner: str | None = None
    name: str | None = None
    only: str | None = None

    def condition(self) -> ColumnElement[bool] | None:
        """None if nothing is chosen."""
        files = sorted(set(self.files) - {_HOME})
        any_of: list[ColumnElement[bool]]
        any_of = [consents.c.sha256.in_(files[start : start + _SOME]) for start in range(0, len(files), _SOME)]
        any_of += [consents.c.owner == self.owner] if self.owner is not None else []
        any_of += [consents.c.name == self.name] if self.name is not None else []
        return and_(or_(*any_of), _of(self.only)) if any_of else None


class Consents:
    """Thread-safe; every method is one blocking transaction.

    All methods raise WorkbenchError: sql.unreachable, home.disk_full, home.not_writable.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = Statements(database.dialect)

    def give(
        self,
        owner: str,
        digests: Collection[str],
        name: str,
        source: ConsentSource,
        text: str,
        *,
        at: float | None = None,
    ) -> list[ConsentRecord]:
        """Record a consent for files of an owner; it replaces an earlier or withdrawn one of the same person.

        Args:
            at: UTC, seconds since 1970; default: now.
        """
        given: dict[str, Any] = {"owner": owner, "name": name, "source": source.value, "text": text}
        given |= {"at": time.time() if at is None else at, "withdrawn_at": None}
        rows = [{**given, "sha256": sha256} for sha256 in sorted(digests)]
        with self._database.write() as connection:
            self._sql.upsert(connection, consents, rows)
        return [ConsentRecord.model_validate(row) for row in rows]

    def give_home(self, owner: str, name: str, text: str) -> ConsentRecord:
        """Record a consent for all files of an owner."""
        return self.give(owner, [_HOME], name, ConsentSource.HOME, text)[0]

    def of_home(self, owner: str) -> ConsentRecord | None:
        """The newest consent for all files of an owner that was not withdrawn."""
        here = and_(consents.c.owner == owner, consents.c.sha256 == _HOME, consents.c.withdrawn_at.is_(None))
        found = self._database.mappings(select(consents).where(here).order_by(consents.c.at.desc()).limit(1))
        return ConsentRecord.model_validate(dict(found[0])) if found else None

    def of_files(self, owner: str, digests: Collection[str]) -> dict[str, list[ConsentRecord]]:
        """The records for files of an owner, also withdrawn ones, by digest."""
        found: dict[str, list[ConsentRecord]] = {}
        wanted = sorted(set(digests) - {_HOME})
        for start in range(0, len(wanted), _SOME):
            here = and_(consents.c.owner == owner, consents.c.sha256.in_(wanted[start : start + _SOME]))
            for row in self._database.mappings(select(consents).where(here).order_by(consents.c.at)):
                found.setdefault(row["sha256"], []).append(ConsentRecord.model_validate(dict(row)))
        return found

    def listed(self, owner: str | None = None) -> Sequence[ConsentRecord]:
        """All records, newest first.

        Args:
            owner: only records for this owner; None for all.
        """
        wanted = select(consents, artifacts.c.facts).outerjoin(artifacts, artifacts.c.sha256 == consents.c.sha256)
        rows = self._database.mappings(wanted.where(_of(owner)).order_by(consents.c.at.desc()))
        return [_named(dict(row)) for row in rows]

    def withdraw(self, name: str, *, owner: str | None = None, sha256: str | None = None) -> int:
        """Mark the records of a person as withdrawn. Returns the number of records that held until now.

        Args:
            owner: only records for this owner; None for all.
            sha256: only for this file; None for all files.
        """
        here = and_(consents.c.name == name, consents.c.withdrawn_at.is_(None), _of(owner))
        if sha256 is not None:
            here = and_(here, consents.c.sha256 == sha256)
        return self._database.change(update(consents).where(here).values(withdrawn_at=time.time()))

    def files_of(self, name: str, owner: str | None = None) -> list[str] | None:
        """Digests of the files with a record of this person, also withdrawn; None if there is no such record."""
        found = self._database.scalars(
            select(consents.c.sha256).where(consents.c.name == name, _of(owner)).order_by(consents.c.at).distinct()
        )
        return [sha256 for sha256 in dict.fromkeys(found) if sha256 != _HOME] if found else None

    def produced(self, digests: Collection[str], owners: Collection[str]) -> set[str]:
        """Those of the digests that a job produced, except those that one of the owners uploaded."""
        uploaded = exists().where(uploads.c.sha256 == job_artifacts.c.sha256, uploads.c.owner.in_(sorted(owners)))
        found: set[str] = set()
        wanted = sorted(digests)
        for start in range(0, len(wanted), _SOME):
            here = job_artifacts.c.sha256.in_(wanted[start : start + _SOME])
            made = select(job_artifacts.c.sha256).where(here, job_artifacts.c.role == "output", ~uploaded)
            found |= set(self._database.scalars(made.distinct()))
        return found

    def made_from(self, sha256: str, kinds: Collection[str], types: Collection[str]) -> list[tuple[Ref, str]]:
        """The inputs of the jobs that produced a file, and the owner of each job.

        Args:
            kinds, types: kinds, and media types of files of the kind file, of the inputs that count.
        """
        given = job_artifacts.alias()
        counts = artifacts.c.kind.in_(kinds) | ((artifacts.c.kind == "file") & artifacts.c.media_type.in_(types))
        wanted = (
            select(artifacts.c.facts, jobs.c.owner)
            .join(given, given.c.sha256 == artifacts.c.sha256)
            .join(jobs, jobs.c.id == given.c.job)
            .join(job_artifacts, job_artifacts.c.job == jobs.c.id)
            .where(job_artifacts.c.sha256 == sha256, job_artifacts.c.role == "output", given.c.role == "input", counts)
        )
        found = {(ref.sha256, row.owner): ref for row in self._database.rows(wanted) if (ref := read_ref(row.facts))}
        return [(ref, owner) for (_, owner), ref in found.items()]

    def drop(self, chosen: Chosen) -> int:
        """Remove records. Returns their number."""
        condition = chosen.condition()
        return 0 if condition is None else self._database.change(delete(consents).where(condition))

    def count(self, chosen: Chosen) -> int:
        """The number of records that ``drop`` would remove."""
        condition = chosen.condition()
        if condition is None:
            return 0
        return self._database.scalar(select(func.count()).select_from(consents).where(condition)) or 0


def _of(owner: str | None) -> ColumnElement[bool]:
    return true() if owner is None else consents.c.owner == owner


def _named(row: dict[str, Any]) -> ConsentRecord:
    facts = row.pop("facts") or {}
    return ConsentRecord.model_validate({**row, "file": facts.get("name") or ""})
