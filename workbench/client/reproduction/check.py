"""Runs a finished job again without any cached result and compares what comes out."""

from __future__ import annotations

from pathlib import Path

from schemas.consent import Consent
from schemas.errors import WorkbenchError
from schemas.job import JobRecord
from schemas.reproduction import Reproduction, ReproductionPlan
from schemas.status import JobStatus
from workbench.client.access import LOCAL, User, changeable, need_runner
from workbench.client.bundles.contents import find_run, not_found
from workbench.client.bundles.importing import import_bundle
from workbench.client.consent import EntryPoint
from workbench.client.deployment import Deployment
from workbench.client.reproduction.outputs import compared
from workbench.client.rerun import rerun


def run_to_repeat(
    deployment: Deployment,
    name: str,
    *,
    user: User = LOCAL,
    consent: Consent | None = None,
    entry: EntryPoint = EntryPoint.PYTHON,
) -> JobRecord:
    """The finished run that a job id, an MLflow run id or a bundle names. A bundle of one run is imported first.

    Raises WorkbenchError: bundle.*, consent.*, job.not_final.
    """
    record = find_run(deployment, user, name)
    if record is None and Path(name).expanduser().is_file():
        taken = import_bundle(deployment, Path(name).expanduser(), user=user, consent=consent, entry=entry)
        if len(taken.runs) > 1:
            raise WorkbenchError(
                "bundle.not_found",
                "the bundle holds several runs, and one is repeated at a time",
                where=name[:200],
                seen=len(taken.runs),
                allowed=[one.job for one in taken.runs][:20],
                remedy="They were imported. Repeat one of them by its id.",
            )
        record = deployment.job(taken.runs[0].job)
    if record is None:
        raise not_found(name)
    if not record.status.final:
        raise WorkbenchError(
            "job.not_final",
            f"job {record.id} is not finished",
            where=record.id,
            seen=record.status.value,
            allowed="a finished job",
            remedy="Wait for its end.",
        )
    return record


def start(
    deployment: Deployment,
    record: JobRecord,
    *,
    user: User = LOCAL,
    consent: Consent | None = None,
    entry: EntryPoint = EntryPoint.PYTHON,
) -> str:
    """Submit the run again, with nothing from the cache. Returns the id of the new job."""
    need_runner(user)
    owner = user.name if user != LOCAL else None
    return rerun(deployment, record.id, fresh=True, owner=owner, consent=consent, entry=entry).job


def finished(deployment: Deployment, planned: ReproductionPlan, job: str, *, user: User = LOCAL) -> Reproduction:
    """Compare a finished re-run with the run that it repeats."""
    now = changeable(user, deployment.job(job))
    outputs = compared(deployment, deployment.job(planned.job), now)
    whole = now.status is JobStatus.COMPLETED
    same = whole and all(one.same for one in outputs)
    return Reproduction(plan=planned, job=job, status=now.status.value, outputs=outputs, same=same)
