"""The retention rule, and the finished jobs and unused claims that it deletes: old ones, then more until it fits."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select

from schemas.duration import seconds_of
from schemas.retention import RetentionRule
from workbench.retention.parts import Parts
from workbench.settings import Settings
from workbench.store.database import Database
from workbench.store.tables import artifacts, job_artifacts, job_is_final, jobs, uploads

FRESH_S = 24 * 3600.0  # younger uploads are kept, because they may be about to be used


@dataclass
class Selected:
    """The jobs and claims that a rule deletes."""

    jobs: list[str] = field(default_factory=list)
    claims: list[tuple[str, str]] = field(default_factory=list)  # (owner, digest)


def rule_of(settings: Settings) -> RetentionRule | None:
    """The rule that the control plane applies once a day; None if the settings contain none."""
    if not settings.retention_older_than and settings.retention_max_gib is None:
        return None
    return RetentionRule(
        older_than=settings.retention_older_than or None,
        max_gib=settings.retention_max_gib,
        keep_tags=[tag for tag in (part.strip() for part in settings.retention_keep_tags.split(",")) if tag],
    )


def select_by(parts: Parts, rule: RetentionRule) -> Selected:
    """The jobs and claims that the rule deletes now, oldest first. Raises WorkbenchError: sql.unreachable.

    A claim is unused while no job refers to its file. Claims on files of jobs that are deleted now are considered at
    the next collection.
    """
    found = Selected()
    if rule.older_than is not None:
        before = time.time() - seconds_of(rule.older_than)
        found.jobs = [job for job, ended in _finished(parts.store.database, rule.keep_tags) if ended < before]
        found.claims = parts.deletion.unused_uploads(before)
    if rule.max_gib is not None:
        _fit(parts, rule, found)
    return found


def _finished(database: Database, keep_tags: Sequence[str]) -> list[tuple[str, float]]:
    """(job, end time) of the jobs that may be deleted, oldest first."""
    ended = func.coalesce(jobs.c.finished_at, jobs.c.created_at)
    wanted = select(jobs.c.id, ended, jobs.c.tags).where(job_is_final).order_by(ended, jobs.c.id)
    rows = database.rows(wanted)
    kept = set(keep_tags)
    return [(row[0], row[1]) for row in rows if not kept.intersection(row[2] or ())]


def _fit(parts: Parts, rule: RetentionRule, found: Selected) -> None:
    """Add the oldest jobs, then the oldest unused claims, until the artifacts of the others are within the limit."""
    assert rule.max_gib is not None
    limit = rule.max_gib * 2**30
    named: dict[str, set[str]] = {}
    users: Counter[str] = Counter()
    with parts.store.database.read() as connection:
        sizes: dict[str, int] = {row[0]: row[1] or 0 for row in connection.execute(_columns(artifacts, "size_bytes"))}
        for job, sha256 in connection.execute(select(job_artifacts.c.job, job_artifacts.c.sha256).distinct()):
            named.setdefault(job, set()).add(sha256)
            users[sha256] += 1
        claims = [(row[1], row[0]) for row in connection.execute(_columns(uploads, "owner"))]
    users.update(sha256 for _, sha256 in claims)
    for job in found.jobs:
        users.subtract(named.get(job, ()))
    users.subtract(sha256 for _, sha256 in found.claims)
    total = sum(sizes.get(sha256, 0) for sha256, count in users.items() if count > 0)

    def drop(digests: set[str]) -> int:
        users.subtract(digests)
        return sum(sizes.get(sha256, 0) for sha256 in digests if users[sha256] == 0)

    going = set(found.jobs)
    for job, _ in _finished(parts.store.database, rule.keep_tags):
        if total <= limit:
            return
        if job not in going:
            found.jobs.append(job)
            total -= drop(named.get(job, set()))
    gone = set(found.claims)
    for claim in parts.deletion.unused_uploads(time.time() - FRESH_S):
        if total <= limit:
            return
        if claim not in gone:
            found.claims.append(claim)
            total -= drop({claim[1]})


def _columns(table: Any, second: str) -> Any:
    return select(table.c.sha256, table.c[second])
