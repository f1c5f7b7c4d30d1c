"""Finds everything derived from a file, through the graphs of jobs that used it or used something derived from it."""

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
class DerivedData:
    """Jobs and files to remove."""

    jobs: dict[str, JobRecord] = field(default_factory=dict)  # in the order of discovery
    files: set[str] = field(default_factory=set)  # the requested files and everything derived from them


def of_files(parts: Parts, digests: Collection[str]) -> DerivedData:
    """All jobs that refer to one of the files, all jobs that used files derived from them, and so on."""
    found = DerivedData(files=set(digests))
    _take(parts, found, _jobs_naming(parts, digests, given_only=False))
    return found


def of_job(parts: Parts, record: JobRecord) -> DerivedData:
    """The job, its outputs, and all jobs that used any of them, and so on."""
    found = DerivedData(jobs={record.id: record}, files=outputs_of(record))
    _take(parts, found, _jobs_naming(parts, found.files, given_only=True))
    return found


def of_owner(parts: Parts, owner: str) -> DerivedData:
    """All jobs of the owner with their outputs. Jobs of others that used these outputs are not included."""
    with parts.store.database.read() as connection:
        ids = connection.execute(select(jobs.c.id).where(jobs.c.owner == owner).order_by(jobs.c.created_at)).scalars()
        records = [parts.store.get(job) for job in ids.all()]
    found = DerivedData(jobs={record.id: record for record in records if record is not None})
    for record in found.jobs.values():
        found.files |= outputs_of(record)
    return found


def outputs_of(record: JobRecord) -> set[str]:
    """Digests of the outputs of the job's nodes."""
    return {ref.sha256 for node in record.graph.nodes for ref in refs_in(node.output or {})}


def derived_from(record: JobRecord, files: Collection[str]) -> set[str]:
    """Digests of outputs that the job derived from the files: of nodes that use one, and of all later nodes."""
    parents, touched, derived = record.graph.parents(), set[str](), set[str]()
    for node_id in topological_order(record.graph):
        node = record.graph.node(node_id)
        given = {ref.sha256 for ref in refs_in([node.params, node.input])}
        outputs = {ref.sha256 for ref in refs_in(node.output or {})}
        affected = not given.isdisjoint(files) or any(edge.from_ in touched for edge in parents[node_id])
        if affected:
            derived |= outputs
        if affected or not outputs.isdisjoint(files):
            touched.add(node_id)
    return derived


def _take(parts: Parts, found: DerivedData, todo: Iterable[str]) -> None:
    queue = [job for job in todo if job not in found.jobs]
    while queue:
        fresh: set[str] = set()
        for job in queue:
            record = parts.store.get(job)
            if record is not None:
                found.jobs[job] = record
                fresh |= derived_from(record, found.files) - found.files
        # A file may also be derived by a job that was examined earlier.
        found.files |= fresh
        queue = [job for job in _jobs_naming(parts, fresh, given_only=True) if job not in found.jobs]


def _jobs_naming(parts: Parts, digests: Collection[str], *, given_only: bool) -> list[str]:
    """Jobs that refer to one of the digests, oldest first.

    Args:
        given_only: only jobs that used it as an input. A job that produced the same bytes, such as an empty list,
            from something else does not count.
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
