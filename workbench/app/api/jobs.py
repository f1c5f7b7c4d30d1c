"""Jobs: submit, list, show, cancel, rerun, retry, approve, delete."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header

from schemas.api import (
    AcceptedJob,
    ApprovalRequest,
    ArtifactList,
    CancelAnswer,
    DeleteAnswer,
    JobAnswer,
    JobList,
    JobRequest,
    JobState,
    Lineage,
    Pagination,
    RerunRequest,
    RetryRequest,
)
from schemas.approval import Decision
from workbench.app.access.limits import check_submit
from workbench.app.api._filter import Wanted
from workbench.app.api._request import CurrentUser, Limit, Offset, StrictRoute, TheDeployment, TheJob, refusals
from workbench.app.api.planning import InTurn
from workbench.client.access import User, changeable, need_runner, reader, visible
from workbench.client.consent import EntryPoint
from workbench.client.deletion import delete
from workbench.client.deployment import Deployment
from workbench.client.job_api import (
    accepted_answer,
    artifact_list,
    cancel,
    decide,
    job_answer,
    line_of,
    state_answer,
    summary,
)
from workbench.client.rerun import rerun, retry
from workbench.client.submit import submit
from workbench.engine.accept import Accepted
from workbench.store.lineage import lineage

router = APIRouter(tags=["jobs"], route_class=StrictRoute)


Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[\x21-\x7e]{1,128}$",
        description="Repeated submits with the same key return the same job.",
    ),
]


@router.post(
    "/api/jobs",
    status_code=202,
    summary="Submit a pipeline with options, or a graph",
    responses=refusals(403, 404, 409, 413, 422, 429),
    dependencies=[InTurn],
)
def submit_job(asked: JobRequest, deployment: TheDeployment, user: CurrentUser, key: Key = None) -> AcceptedJob:
    """Validate the whole request. If any part is wrong, nothing is queued."""
    return accepted_answer(deployment, submit_for(deployment, user, asked, key))


def submit_for(
    deployment: Deployment,
    user: User,
    asked: JobRequest,
    key: str | None = None,
    *,
    entry: EntryPoint = EntryPoint.HTTP,
) -> Accepted:
    """Submit for a user. All calls that submit something new use this function."""
    need_runner(user)
    check_submit(user, deployment)
    return submit(deployment, asked, owner=user.name, reader=reader(user), key=key, entry=entry)


@router.get("/api/jobs", summary="Jobs, newest first unless sorted", responses=refusals(422))
def list_jobs(deployment: TheDeployment, wanted: Wanted, limit: Limit = 20, offset: Offset = 0) -> JobList:
    """The jobs that the user may see and that match all filters."""
    page = deployment.store.list(wanted.model_copy(update={"limit": limit, "offset": offset}))
    return JobList(
        jobs=[summary(line) for line in page.jobs],
        pagination=Pagination(limit=limit, offset=offset, total=page.total),
    )


@router.get("/api/jobs/{job_id}", summary="A job with its newest events", responses=refusals(404, 422))
def show_job(job_id: TheJob, deployment: TheDeployment, user: CurrentUser) -> JobAnswer:
    """The latest graph, the nodes, the options, and at most 50 events, newest first."""
    return job_answer(deployment, user, job_id)


@router.get("/api/status/{job_id}", summary="Only the state of a job", responses=refusals(404, 422))
def job_status(job_id: TheJob, deployment: TheDeployment, user: CurrentUser) -> JobState:
    """For clients that poll."""
    visible(user, deployment.job(job_id))
    return state_answer(line_of(deployment, job_id))


@router.get("/api/jobs/{job_id}/artifacts", summary="Input and output files of a job", responses=refusals(404, 422))
def job_artifacts(job_id: TheJob, deployment: TheDeployment, user: CurrentUser) -> ArtifactList:
    """In the order of the nodes, inputs first."""
    return artifact_list(deployment, user, job_id)


@router.get("/api/jobs/{job_id}/lineage", summary="Origin and use of a job's files", responses=refusals(404))
def job_lineage(job_id: TheJob, deployment: TheDeployment, user: CurrentUser) -> Lineage:
    """Contains only jobs that the user may see."""
    visible(user, deployment.job(job_id))
    return lineage(deployment.store.database, job_id, reader(user))


@router.post("/api/jobs/{job_id}/cancel", summary="Stop a job", responses=refusals(403, 404, 422))
def cancel_job(job_id: TheJob, deployment: TheDeployment, user: CurrentUser) -> CancelAnswer:
    """After this, no further result of the job becomes visible."""
    return cancel(deployment, user, job_id)


@router.post(
    "/api/jobs/{job_id}/rerun",
    status_code=202,
    summary="Run a job's graph again, optionally with changed parameters",
    responses=refusals(403, 404, 409, 422, 429),
    dependencies=[InTurn],
)
def rerun_job(
    job_id: TheJob, deployment: TheDeployment, user: CurrentUser, asked: RerunRequest | None = None, key: Key = None
) -> AcceptedJob:
    """Cached results are not computed again. The user who calls this owns the new job."""
    visible(user, deployment.job(job_id))
    need_runner(user)
    check_submit(user, deployment)
    changes = asked or RerunRequest()
    accepted = rerun(
        deployment,
        job_id,
        params=changes.params,
        fresh=changes.fresh,
        owner=user.name,
        reader=reader(user),
        key=key,
        consent=changes.consent,
        entry=EntryPoint.HTTP,
    )
    return accepted_answer(deployment, accepted)


@router.post(
    "/api/jobs/{job_id}/retry",
    status_code=202,
    summary="Continue a failed or cancelled job",
    responses=refusals(403, 404, 409, 422, 429),
    dependencies=[InTurn],
)
def retry_job(
    job_id: TheJob, deployment: TheDeployment, user: CurrentUser, asked: RetryRequest | None = None, key: Key = None
) -> AcceptedJob:
    """Creates a new job that keeps the completed results."""
    changeable(user, deployment.job(job_id))
    check_submit(user, deployment)
    consent = asked.consent if asked else None
    accepted = retry(deployment, job_id, owner=user.name, key=key, consent=consent, entry=EntryPoint.HTTP)
    return accepted_answer(deployment, accepted)


@router.post(
    "/api/jobs/{job_id}/approve",
    summary="Answer a job that waits for approval: approve, optionally with a changed text, or reject",
    responses=refusals(403, 404, 409, 422),
)
def approve_job(
    job_id: TheJob, deployment: TheDeployment, user: CurrentUser, asked: ApprovalRequest | None = None
) -> Decision:
    """The first answer is final; a repeat changes nothing. An edited text becomes a new artifact with its author."""
    return decide(deployment, user, job_id, asked or ApprovalRequest())


@router.delete("/api/jobs/{job_id}", summary="Delete a finished job", responses=refusals(403, 404, 409, 422))
def delete_job(job_id: TheJob, deployment: TheDeployment, user: CurrentUser) -> DeleteAnswer:
    """Delete the job's record and its MLflow run. The next collection removes files that nothing refers to any more."""
    changeable(user, deployment.job(job_id))
    return DeleteAnswer(job_id=job_id, notes=delete(deployment, job_id))
