"""Erases files, a job, or the data of an owner or a person, with everything derived from them, from all stores."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass, field

from sqlalchemy import Text, delete, select, type_coerce

from schemas.errors import WorkbenchError
from schemas.job import JobRecord
from schemas.retention import ErasureReport, ErasureRequest, Remainder, StoreKind
from workbench.bus.connection import BUS_UNREACHABLE, unreachable
from workbench.bus.results import Verdict
from workbench.embedded.compaction import compact
from workbench.retention import collecting, derived_data, local_files, mlflow_runs
from workbench.retention.deleting import delete_jobs
from workbench.retention.external_copies import external_copies
from workbench.retention.parts import Parts
from workbench.retention.removals import Removals, counted
from workbench.retention.targets import claims_on, digests_of, unknown
from workbench.retention.texts import texts_of
from workbench.store.consents import Chosen
from workbench.store.run_contents import parent_run
from workbench.store.tables import artifacts, job_artifacts, presets

WAIT_S = 30.0  # maximum wait for another collector
CANCEL_S = 30.0  # maximum wait until cancelled jobs end


@dataclass
class Plan:
    """The data that an erasure removes."""

    target: str
    jobs: dict[str, JobRecord]
    files: set[str]  # the requested files and everything derived from them
    claims: list[tuple[str, str]] = field(default_factory=list)  # (owner, digest)
    stays: list[Remainder] = field(default_factory=list)
    whole: bool = True
    owner: str | None = None  # set if all data of an owner is erased
    person: str | None = None  # set if all files of a person's consent are erased


def erase(
    parts: Parts, asked: ErasureRequest, *, asker: str | None = None, also: Collection[str] = ()
) -> ErasureReport:
    """Carry out an erasure. Blocks, for a minute or two if the files of the parts are large.

    Args:
        also: further digests under which the same file may be stored; unknown ones are ignored.
        asker: a user who may erase only their own data; None for a user who may erase everything.

    Raises WorkbenchError: deletion.unknown, deletion.ambiguous, deletion.busy, job.not_final, bus.unreachable, store.*,
    sql.unreachable. Data removed before an error remains removed, and a repeated call continues with the rest.
    """
    began = time.monotonic()
    try:
        if asked.dry_run:
            plan = _plan(parts, asked, asker, also)
            return _report(parts, plan, asked, _preview(parts, plan, asker), began)
        with parts.rounds.collector(WAIT_S):
            plan = _plan(parts, asked, asker, also)
            halted = _halt_sweeps(parts, plan, asker, cancel=asked.cancel)
            if _end_jobs(parts, plan, cancel=asked.cancel) or halted:
                plan = _plan(parts, asked, asker, also)  # now includes the outputs of the cancelled jobs
            removals = _erase(parts, plan, asker)
    except BUS_UNREACHABLE as error:
        raise unreachable(parts.bus.url, error) from error
    report = _report(parts, plan, asked, removals, began)
    report.compacted = compact(parts.settings, texts=texts_of(plan.jobs.values()))
    report.stays += [
        Remainder(what=f"the files of {done.part}", why=done.left) for done in report.compacted if done.left
    ]
    report.seconds = round(time.monotonic() - began, 3)
    return report


# -- removing ----------------------------------------------------------------------------------------------------------


def _plan(parts: Parts, asked: ErasureRequest, asker: str | None, also: Collection[str]) -> Plan:
    if asked.job is not None:
        record = parts.store.get(asked.job)
        if record is None:
            raise unknown("job", asked.job)
        found = derived_data.of_job(parts, record)
        plan = Plan(f"job {record.id}", found.jobs, found.files)
    elif asked.owner is not None:
        found = derived_data.of_owner(parts, asked.owner)
        claimed = claims_on(parts, owner=asked.owner)
        if not found.jobs and not claimed:
            raise unknown("owner", asked.owner)
        plan = Plan(f"owner {asked.owner}", found.jobs, found.files, claimed, owner=asked.owner)
    elif asked.consent is not None:
        named = parts.consents.files_of(asked.consent, asker)
        if named is None:
            raise unknown("consent of", asked.consent)
        found = derived_data.of_files(parts, named)
        plan = Plan(f"everything with the consent of {asked.consent}", found.jobs, found.files, person=asked.consent)
        plan.claims = [claim for digest in found.files for claim in claims_on(parts, digest=digest)]
        if parts.settings.consent == asked.consent:
            plan.stays.append(
                Remainder(
                    what="the setting WORKBENCH_CONSENT",
                    why=f"it still states the consent of {asked.consent} for new files; unset it and restart the stack",
                )
            )
    else:
        digests = digests_of(parts, [asked.file or "", *also], asker)
        found = derived_data.of_files(parts, digests)
        plan = Plan(f"file {', '.join(digest[:12] for digest in digests)}", found.jobs, found.files)
        plan.claims = [claim for digest in found.files for claim in claims_on(parts, digest=digest)]
    return plan if asker is None else _limited(plan, asker)


def _limited(plan: Plan, asker: str) -> Plan:
    """Limit the plan to the asker's own data. It does not name other users and their jobs, to protect their privacy."""
    own = {job: record for job, record in plan.jobs.items() if record.owner == asker}
    claims = [claim for claim in plan.claims if claim[0] == asker]
    others = len(plan.jobs) - len(own) + len(plan.claims) - len(claims)
    if others:
        plan.whole = False
        plan.stays.append(
            Remainder(
                what="the file, or files derived from it",
                why="other users of this deployment also have them; an administrator can erase them completely",
            )
        )
    plan.jobs, plan.claims = own, claims
    return plan


def _sweeps_of(parts: Parts, plan: Plan, asker: str | None) -> set[str]:
    """Sweeps whose specs and graphs go: those that use a file of the plan, and those of an erased owner."""
    found = parts.sweeps.using(plan.files) | (parts.sweeps.owned(plan.owner) if plan.owner is not None else set())
    return found if asker is None else found & parts.sweeps.owned(asker)


def _halt_sweeps(parts: Parts, plan: Plan, asker: str | None, *, cancel: bool) -> bool:
    """Keep the sweeps of the plan from submitting more. Returns whether there are any."""
    sweeps = _sweeps_of(parts, plan, asker)
    if sweeps and (cancel or all(record.status.final for record in plan.jobs.values())):
        parts.sweeps.halt(sweeps)
    return bool(sweeps)


def _end_jobs(parts: Parts, plan: Plan, *, cancel: bool) -> bool:
    """Ensure that all jobs are final. Returns whether any had to be cancelled.

    Raises WorkbenchError (job.not_final).
    """
    going = [job for job, record in plan.jobs.items() if not record.status.final]
    if not going:
        return False
    if not cancel:
        raise WorkbenchError(
            "job.not_final",
            f"the data is used by {counted(len(going), 'unfinished job')}",
            where=", ".join(going[:5]),
            seen=sorted({plan.jobs[job].status.value for job in going}),
            allowed="completed, failed or cancelled",
            remedy="Wait until they end, or cancel them: `--cancel`, or `cancel` in the request.",
        )
    for job in going:
        if parts.bus.cancel(job) is Verdict.UNKNOWN:
            raise WorkbenchError(
                "job.not_final",
                f"job {job} is accepted but not on the bus yet",
                where=job,
                remedy="Try again in a few seconds.",
            )
    until = time.monotonic() + CANCEL_S
    while parts.store.unfinished_among(going):
        if time.monotonic() > until:
            raise WorkbenchError(
                "job.not_final",
                "the end of the cancelled jobs is not recorded yet",
                where=", ".join(going[:5]),
                remedy="Check the control plane with `workbench status`, and try again once it has recorded their end.",
            )
        time.sleep(0.05)
    return True


def _erase(parts: Parts, plan: Plan, asker: str | None) -> Removals:
    removals = Removals()
    for run, experiment in {(parent_run(record), record.experiment) for record in plan.jobs.values()}:
        if run:  # a notebook's run, whose page shows the outputs of its jobs
            for digest in mlflow_runs.notebook_files(parts, run, removals):
                plan.files.add(digest)
                plan.claims += [claim for claim in claims_on(parts, digest=digest) if asker in (None, claim[0])]
            parts.deletion.doom(run, experiment)
    parts.deletion.erase_sweeps(_sweeps_of(parts, plan, asker))
    kept = parts.deletion.drop_cells(plan.jobs)
    if kept:
        what = f"the spec of {counted(len(kept), 'sweep')} ({', '.join(kept[:3])})"
        plan.stays.append(Remainder(what=what, why="its other cells have the same inputs; delete it with its jobs"))
    removals.add(StoreKind.JOBS, len(delete_jobs(parts, list(plan.jobs), removals)))
    removals.add(StoreKind.UPLOADS, parts.deletion.drop_uploads(plan.claims))
    removals.add(StoreKind.CONSENTS, parts.consents.drop(_consents_of(plan, asker)))
    _drop_presets(parts, plan)
    parts.bus.references.drop_set_aside(plan.jobs)
    # Unreferenced data is removed at any age, because parts of a failed node are never referenced in SQL.
    gone = collecting.remove_unreferenced(parts, removals, dry_run=False, stray_s=0.0)
    still = parts.references.referenced(plan.files)
    if still and plan.whole:
        plan.stays.append(_shared(parts, still, besides=plan.jobs))
    in_use = [file for file in local_files.of_artifacts(parts.settings.home) if file.name in gone]
    if in_use:
        plan.stays.append(
            Remainder(
                what=f"{counted(len(in_use), 'cached file')} in {parts.settings.home / 'cache'}",
                why="a process is reading them, or workers are busy; repeat the erasure in a minute",
            )
        )
    plan.stays += [Remainder(what="records in MLflow or the object store", why=text) for text in removals.left]
    plan.files = (plan.files | gone) - still
    return removals


def _preview(parts: Parts, plan: Plan, asker: str | None) -> Removals:
    """The data that an erasure would remove."""
    removals = Removals()
    removals.add(StoreKind.CONSENTS, parts.consents.count(_consents_of(plan, asker)))
    removals.add(StoreKind.JOBS, len(plan.jobs))
    removals.add(StoreKind.UPLOADS, len(plan.claims))
    freed = parts.references.freed_by(set(plan.jobs), set(plan.claims))
    for item in freed:
        removals.artifact(item.kind, item.size_bytes)
    names = {item.sha256 for item in freed}
    for file in local_files.of_artifacts(parts.settings.home):
        if file.name in names:
            removals.add(file.kind, 1, file.size_bytes)
    for file in local_files.of_jobs(parts.settings.home):
        if file.name in plan.jobs:
            removals.add(file.kind, 1, file.size_bytes)
    removals.add(StoreKind.MLFLOW_RUNS, sum(record.mlflow_run_id is not None for record in plan.jobs.values()))
    still = plan.files - names - {sha256 for sha256 in plan.files if not _is_recorded(parts, sha256)}
    if still and plan.whole:
        plan.stays.append(_shared(parts, still, besides=plan.jobs))
    plan.files = names
    return removals


def _report(parts: Parts, plan: Plan, asked: ErasureRequest, removals: Removals, began: float) -> ErasureReport:
    return ErasureReport(
        target=plan.target,
        dry_run=asked.dry_run,
        whole=plan.whole,
        jobs=list(plan.jobs),
        files=len(plan.files),
        removed=removals.removed,
        bytes=removals.bytes,
        stays=plan.stays,
        outside=external_copies(parts, list(plan.jobs.values())),
        seconds=round(time.monotonic() - began, 3),
    )


def _consents_of(plan: Plan, asker: str | None) -> Chosen:
    """The consent records of an erasure: for its files, of its owner, or of its person."""
    return Chosen(files=plan.files, owner=plan.owner, name=plan.person, only=asker)


# -- queries -----------------------------------------------------------------------------------------------------------


def _is_recorded(parts: Parts, sha256: str) -> bool:
    with parts.store.database.read() as connection:
        return connection.execute(select(artifacts.c.sha256).where(artifacts.c.sha256 == sha256)).first() is not None


def _drop_presets(parts: Parts, plan: Plan) -> None:
    """Remove the presets of an erased owner, and presets that refer to an erased file."""
    columns = presets.c
    with parts.store.database.write() as connection:
        if plan.owner is not None:
            connection.execute(delete(presets).where(columns.owner == plan.owner))
        for sha256 in plan.files:
            connection.execute(delete(presets).where(type_coerce(columns.params, Text).contains(sha256)))


def _shared(parts: Parts, digests: Collection[str], besides: Collection[str]) -> Remainder:
    """Files that other jobs or uploads also have, independently of the erased data."""
    with parts.store.database.read() as connection:
        here = job_artifacts.c.sha256.in_(sorted(digests)[:500])
        found = connection.execute(select(job_artifacts.c.job).where(here).limit(100)).scalars()
        named = sorted(set(found) - set(besides))
    others = counted(len(named), "other job") + f" ({', '.join(named[:3])}{', …' if len(named) > 3 else ''})"
    return Remainder(
        what=counted(len(digests), "file"),
        why=f"{others if named else 'an upload'} has the same bytes independently",
    )
