"""Resolves the target of an erasure: digests by prefix, claims, and errors for unknown targets."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from schemas.errors import WorkbenchError
from workbench.retention.parts import Parts
from workbench.store.tables import artifacts, deliveries, job_artifacts, jobs, uploads


def digests_of(parts: Parts, given: Sequence[str], asker: str | None) -> list[str]:
    """The full digests of existing files, at least one.

    Raises WorkbenchError: deletion.unknown, deletion.ambiguous.
    """
    found = [digest for name in given for digest in _matching(parts, name, asker)]
    if not found:
        raise unknown("file", given[0][:12])
    return list(dict.fromkeys(found))


def _matching(parts: Parts, beginning: str, asker: str | None) -> set[str]:
    names, claims = job_artifacts.c.sha256, uploads.c.sha256
    of_jobs = select(names).where(names.startswith(beginning))
    of_claims = select(claims).where(claims.startswith(beginning))
    of_deliveries = select(deliveries.c.artifact).where(deliveries.c.sha256.startswith(beginning))
    if asker is not None:
        of_jobs = of_jobs.join(jobs, jobs.c.id == job_artifacts.c.job).where(jobs.c.owner == asker)
        of_claims = of_claims.where(uploads.c.owner == asker)
        of_deliveries = of_deliveries.join(jobs, jobs.c.id == deliveries.c.job).where(jobs.c.owner == asker)
    with parts.store.database.read() as connection:
        found: set[str] = set(connection.execute(of_jobs.distinct().limit(20)).scalars())
        found |= set(connection.execute(of_claims.distinct().limit(20)).scalars())
        found |= set(connection.execute(of_deliveries.distinct().limit(20)).scalars())
        if not found and asker is None:
            unnamed = select(artifacts.c.sha256).where(artifacts.c.sha256.startswith(beginning)).limit(20)
            found = set(connection.execute(unnamed).scalars())
    if len(found) > 1:
        raise WorkbenchError(
            "deletion.ambiguous",
            f"{len(found)} files have a digest with this prefix",
            where=beginning,
            seen=sorted(found)[:5],
            remedy="Use a longer prefix.",
        )
    return found


def claims_on(parts: Parts, owner: str | None = None, digest: str | None = None) -> list[tuple[str, str]]:
    """(owner, digest) of the claims of an owner, or on a file."""
    wanted = select(uploads.c.owner, uploads.c.sha256)
    if owner is not None:
        wanted = wanted.where(uploads.c.owner == owner)
    if digest is not None:
        wanted = wanted.where(uploads.c.sha256 == digest)
    return [(row[0], row[1]) for row in parts.store.database.rows(wanted)]


def unknown(kind: str, name: str) -> WorkbenchError:
    return WorkbenchError(
        "deletion.unknown",
        f"the {kind} {name} does not exist in this deployment",
        where=kind,
        seen=name,
        allowed="a file's path or digest, the id of a job, owner:NAME, consent:NAME",
        remedy="`workbench job list` lists jobs, and `workbench job artifacts JOB` the digests of their files.",
    )
