"""Erasing a file, a job or all of an owner: everything that came of it, from every store, then from their files."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass, field

from sqlalchemy import Text, delete, select, type_coerce

from schemas.errors import WorkbenchError
from schemas.job import JobRecord
from schemas.retention import ErasureReport, ErasureRequest, Remainder, StoreKind
from workbench.bus.answers import Verdict
from workbench.bus.connection import BUS_AWAY, unreachable
from workbench.retention import closure, collecting, compacting, local_files, mlflow_runs
from workbench.retention.deleting import delete_jobs
from workbench.retention.outside import outside
from workbench.retention.parts import Parts
from workbench.retention.tally import Tally, counted
from workbench.retention.targets import claims_on, digests_of, unknown
from workbench.retention.texts import texts_of
from workbench.store.run_contents import parent_run
from workbench.store.tables import artifacts, job_artifacts, presets

WAIT_S = 30.0  # for another collector
CANCEL_S = 30.0  # for jobs that were cancelled to end


@dataclass
class Plan:
    """What an erasure removes."""

    target: str
    jobs: dict[str, JobRecord]
    files: set[str]  # what was asked for, and what came of it
    claims: list[tuple[str, str]] = field(default_factory=list)  # (owner, digest)
    stays: list[Remainder] = field(default_factory=list)
    whole: bool = True
    owner: str | None = None  # whose everything is erased


def erase(
    parts: Parts, asked: ErasureRequest, *, asker: str | None = None, also: Collection[str] = ()
) -> ErasureReport:
    """Erase what was asked for. Blocks, for a minute or two where files of the parts are large.

    Args:
        also: further digests of the same file, as it may have been stored; those that are not known do not matter.
        asker: who may erase only what is that person's own; None for somebody who may erase everything.

    Raises WorkbenchError: deletion.unknown, deletion.ambiguous, deletion.busy, job.not_final, bus.unreachable, store.*,
    sql.unreachable. What was removed by then is removed: the same call again goes on with the rest.
    """
    began = time.monotonic()
    try:
        if asked.dry_run:
            plan = _plan(parts, asked, asker, also)
            return _report(parts, plan, asked, _foreseen(parts, plan), began)
        with parts.rounds.collector(WAIT_S):
            plan = _plan(parts, asked, asker, also)
            if _end_jobs(parts, plan, cancel=asked.cancel):
                plan = _plan(parts, asked, asker, also)  # with what they had made when they were cancelled
            tally = _erase(parts, plan, asker)
    except BUS_AWAY as error:
        raise unreachable(parts.bus.url, error) from error
    report = _report(parts, plan, asked, tally, began)
    report.compacted = compacting.compact(parts.settings, texts_of(plan.jobs.values()))
    report.stays += [
        Remainder(what=f"the files of {done.part}", why=done.left) for done in report.compacted if done.left
    ]
    report.seconds = round(time.monotonic() - began, 3)
    return report


# -- what is removed ---------------------------------------------------------------------------------------------------


def _plan(parts: Parts, asked: ErasureRequest, asker: str | None, also: Collection[str]) -> Plan:
    if asked.job is not None:
        record = parts.store.get(asked.job)
        if record is None:
            raise unknown("job", asked.job)
        found = closure.of_job(parts, record)
        plan = Plan(f"job {record.id}", found.jobs, found.files)
    elif asked.owner is not None:
        found = closure.of_owner(parts, asked.owner)
        claimed = claims_on(parts, owner=asked.owner)
        if not found.jobs and not claimed:
            raise unknown("owner", asked.owner)
        plan = Plan(f"owner {asked.owner}", found.jobs, found.files, claimed, owner=asked.owner)
    else:
        digests = digests_of(parts, [asked.file or "", *also], asker)
        found = closure.of_files(parts, digests)
        plan = Plan(f"file {', '.join(digest[:12] for digest in digests)}", found.jobs, found.files)
        plan.claims = [claim for digest in found.files for claim in claims_on(parts, digest=digest)]
    return plan if asker is None else _limited(plan, asker)


def _limited(plan: Plan, asker: str) -> Plan:
    """Only what is the asker's own. Others and their jobs are not named: that they exist is theirs to tell."""
    own = {job: record for job, record in plan.jobs.items() if record.owner == asker}
    claims = [claim for claim in plan.claims if claim[0] == asker]
    others = len(plan.jobs) - len(own) + len(plan.claims) - len(claims)
    if others:
        plan.whole = False
        plan.stays.append(
            Remainder(
                what="the file, or files that came of it",
                why="others of this bench have them too; an administrator can erase them whole",
            )
        )
    plan.jobs, plan.claims = own, claims
    return plan


def _end_jobs(parts: Parts, plan: Plan, *, cancel: bool) -> bool:
    """See to it that all jobs are final; returns whether any had to be cancelled.

    Raises WorkbenchError (job.not_final).
    """
    going = [job for job, record in plan.jobs.items() if not record.status.final]
    if not going:
        return False
    if not cancel:
        raise WorkbenchError(
            "job.not_final",
            f"it is used by {counted(len(going), 'job')} not finished yet",
            where=", ".join(going[:5]),
            seen=sorted({plan.jobs[job].status.value for job in going}),
            allowed="completed, failed or cancelled",
            remedy="Wait for their end, or have them cancelled: `--cancel`, or `cancel` in the request.",
        )
    for job in going:
        if parts.bus.cancel(job) is Verdict.UNKNOWN:
            raise WorkbenchError(
                "job.not_final",
                f"job {job} is accepted and not on the bus yet",
                where=job,
                remedy="Try again in some seconds.",
            )
    until = time.monotonic() + CANCEL_S
    while parts.store.unfinished_among(going):
        if time.monotonic() > until:
            raise WorkbenchError(
                "job.not_final",
                "the end of cancelled jobs is not recorded yet",
                where=", ".join(going[:5]),
                remedy="Try again when the control plane has recorded it: `workbench status`.",
            )
        time.sleep(0.05)
    return True


def _erase(parts: Parts, plan: Plan, asker: str | None) -> Tally:
    tally = Tally()
    for run, experiment in {(parent_run(record), record.experiment) for record in plan.jobs.values()}:
        if run:  # a notebook's: its page shows what its jobs made
            for digest in mlflow_runs.notebook_files(parts, run, tally):
                plan.files.add(digest)
                plan.claims += [claim for claim in claims_on(parts, digest=digest) if asker in (None, claim[0])]
            parts.deletion.doom(run, experiment)
    tally.add(StoreKind.JOBS, len(delete_jobs(parts, list(plan.jobs), tally)))
    tally.add(StoreKind.UPLOADS, parts.deletion.drop_uploads(plan.claims))
    _drop_presets(parts, plan)
    parts.bus.holding.drop_set_aside(plan.jobs)
    # Whatever nothing names goes, however young: parts of a failed node were never named in SQL.
    gone = collecting.remove_unnamed(parts, tally, dry_run=False, stray_s=0.0)
    still = parts.naming.named(plan.files)
    if still and plan.whole:
        plan.stays.append(_shared(parts, still, besides=plan.jobs))
    in_use = [file for file in local_files.of_artifacts(parts.settings.home) if file.name in gone]
    if in_use:
        plan.stays.append(
            Remainder(
                what=f"{counted(len(in_use), 'cached file')} in {parts.settings.home / 'cache'}",
                why="a process reads them, or workers are busy; erase again in a minute",
            )
        )
    plan.stays += [Remainder(what="records in MLflow or the object store", why=text) for text in tally.left]
    plan.files = (plan.files | gone) - still
    return tally


def _foreseen(parts: Parts, plan: Plan) -> Tally:
    """What an erasure would remove."""
    tally = Tally()
    tally.add(StoreKind.JOBS, len(plan.jobs))
    tally.add(StoreKind.UPLOADS, len(plan.claims))
    freed = parts.naming.freed_by(set(plan.jobs), set(plan.claims))
    for item in freed:
        tally.artifact(item.kind, item.size_bytes)
    names = {item.sha256 for item in freed}
    for file in local_files.of_artifacts(parts.settings.home):
        if file.name in names:
            tally.add(file.kind, 1, file.size_bytes)
    for file in local_files.of_jobs(parts.settings.home):
        if file.name in plan.jobs:
            tally.add(file.kind, 1, file.size_bytes)
    tally.add(StoreKind.MLFLOW_RUNS, sum(record.mlflow_run_id is not None for record in plan.jobs.values()))
    still = plan.files - names - {sha256 for sha256 in plan.files if not _is_known(parts, sha256)}
    if still and plan.whole:
        plan.stays.append(_shared(parts, still, besides=plan.jobs))
    plan.files = names
    return tally


def _report(parts: Parts, plan: Plan, asked: ErasureRequest, tally: Tally, began: float) -> ErasureReport:
    return ErasureReport(
        target=plan.target,
        dry_run=asked.dry_run,
        whole=plan.whole,
        jobs=list(plan.jobs),
        files=len(plan.files),
        removed=tally.removed,
        bytes=tally.bytes,
        stays=plan.stays,
        outside=outside(parts, list(plan.jobs.values())),
        seconds=round(time.monotonic() - began, 3),
    )


# -- looking things up -------------------------------------------------------------------------------------------------


def _is_known(parts: Parts, sha256: str) -> bool:
    with parts.store.database.read() as connection:
        return connection.execute(select(artifacts.c.sha256).where(artifacts.c.sha256 == sha256)).first() is not None


def _drop_presets(parts: Parts, plan: Plan) -> None:
    """Presets of an owner who is erased, and those that name a file that is."""
    columns = presets.c
    with parts.store.database.write() as connection:
        if plan.owner is not None:
            connection.execute(delete(presets).where(columns.owner == plan.owner))
        for sha256 in plan.files:
            connection.execute(delete(presets).where(type_coerce(columns.params, Text).contains(sha256)))


def _shared(parts: Parts, digests: Collection[str], besides: Collection[str]) -> Remainder:
    """Files that others have too, and not from what is erased."""
    with parts.store.database.read() as connection:
        here = job_artifacts.c.sha256.in_(sorted(digests)[:500])
        found = connection.execute(select(job_artifacts.c.job).where(here).limit(100)).scalars()
        named = sorted(set(found) - set(besides))
    others = counted(len(named), "other job") + f" ({', '.join(named[:3])}{', …' if len(named) > 3 else ''})"
    return Remainder(
        what=counted(len(digests), "file"),
        why=f"{others if named else 'an upload'} came by the same bytes in another way",
    )
