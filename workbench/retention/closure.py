"""What came of a file: through the graphs of the jobs that used it, and of those that used what they made of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from sqlalchemy import and_, select, true

from schemas.job import JobRecord
from schemas.refs import refs_in
from workbench.engine.structure import topological_order
from workbench.retention.parts import Parts
from workbench.store.tables import job_artifacts, jobs

_SOME = 500


@dataclass
class Closure:
    """Jobs to be removed, and the files that are to be gone."""

    jobs: dict[str, JobRecord] = field(default_factory=dict)  # in the order in which they were found
    files: set[str] = field(default_factory=set)  # what was asked for, and what came of it


def of_files(parts: Parts, digests: Collection[str]) -> Closure:
    """Every job that names one of the files, every job that was given what came of them, and so on."""
    found = Closure(files=set(digests))
    _take(parts, found, _jobs_naming(parts, digests, given_only=False))
    return found


def of_job(parts: Parts, record: JobRecord) -> Closure:
    """The job, what it made, and every job that was given any of that."""
    found = Closure(jobs={record.id: record}, files=outputs_of(record))
    _take(parts, found, _jobs_naming(parts, found.files, given_only=True))
    return found


def of_owner(parts: Parts, owner: str) -> Closure:
    """Every job of the owner with what it made; what others made of that is theirs."""
    with parts.store.database.read() as connection:
        ids = connection.execute(select(jobs.c.id).where(jobs.c.owner == owner).order_by(jobs.c.created_at)).scalars()
        records = [parts.store.get(job) for job in ids.all()]
    found = Closure(jobs={record.id: record for record in records if record is not None})
    for record in found.jobs.values():
        found.files |= outputs_of(record)
    return found


def outputs_of(record: JobRecord) -> set[str]:
    """Digests of what the job's nodes made."""
    return {ref.sha256 for node in record.graph.nodes for ref in refs_in(node.output or {})}


def came_of(record: JobRecord, files: Collection[str]) -> set[str]:
    """Digests of what the job's nodes made of the files: nodes that are given one, and all behind them."""
    parents, touched, made = record.graph.parents(), set[str](), set[str]()
    for node_id in topological_order(record.graph):
        node = record.graph.node(node_id)
        given = {ref.sha256 for ref in refs_in([node.params, node.input])}
        outputs = {ref.sha256 for ref in refs_in(node.output or {})}
        behind = not given.isdisjoint(files) or any(edge.from_ in touched for edge in parents[node_id])
        if behind:
            made |= outputs
        if behind or not outputs.isdisjoint(files):
            touched.add(node_id)
    return made


def _take(parts: Parts, found: Closure, todo: Iterable[str]) -> None:
    queue = [job for job in todo if job not in found.jobs]
    while queue:
        fresh: set[str] = set()
        for job in queue:
            record = parts.store.get(job)
            if record is not None:
                found.jobs[job] = record
                fresh |= came_of(record, found.files) - found.files
        # What came of a file may have been made by a job that was looked at before.
        found.files |= fresh
        queue = [job for job in _jobs_naming(parts, fresh, given_only=True) if job not in found.jobs]


def _jobs_naming(parts: Parts, digests: Collection[str], *, given_only: bool) -> list[str]:
    """Jobs that name one of the digests, oldest first.

    Args:
        given_only: only those that were given it. That a job made the same bytes of something else, an empty list
            perhaps, does not make it a job of that file.
    """
    names, wanted = job_artifacts.c, sorted(digests)
    found: dict[str, float] = {}
    with parts.store.database.read() as connection:
        for start in range(0, len(wanted), _SOME):
            here = and_(
                names.sha256.in_(wanted[start : start + _SOME]), names.role == "input" if given_only else true()
            )
            rows = connection.execute(
                select(jobs.c.id, jobs.c.created_at).join(job_artifacts, names.job == jobs.c.id).where(here).distinct()
            )
            found |= {row[0]: row[1] for row in rows}
    return sorted(found, key=lambda job: (found[job], job))
