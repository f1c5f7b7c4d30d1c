"""Pipelines, estimates of durations, and experiments."""

from __future__ import annotations

from fastapi import APIRouter

from schemas.api import EstimateAnswer, ExperimentList, JobRequest, PipelineList
from workbench.app.api._request import CurrentUser, StrictRoute, TheDeployment, TheJob, refusals
from workbench.app.api.planning import InTurn
from workbench.client.access import reader, visible
from workbench.client.describe import describe_pipelines, experiments
from workbench.client.forecast import forecast_job, forecast_request

router = APIRouter(tags=["pipelines"], route_class=StrictRoute)


@router.get("/api/pipelines", summary="Pipelines, their forms and their availability", responses=refusals())
def list_pipelines(deployment: TheDeployment, user: CurrentUser) -> PipelineList:
    """Responds within seconds. While the bus is unreachable, all pipelines are unavailable, with that as the reason."""
    return PipelineList(pipelines=describe_pipelines(deployment, user.name))


@router.post(
    "/api/estimate",
    summary="Expected seconds of a submit",
    responses=refusals(404, 413, 422, 429),
    dependencies=[InTurn],
)
def estimate_request(asked: JobRequest, deployment: TheDeployment, user: CurrentUser) -> EstimateAnswer:
    """Takes the body of POST /api/jobs, but queues and stores nothing. Assumes values for missing options.

    Uses past runs of the services with the same parameters, else with other parameters.
    """
    return forecast_request(deployment, asked, reader=reader(user))


@router.get("/api/jobs/{job_id}/estimate", summary="Expected seconds of a job's graph", responses=refusals(404))
def estimate_job(job_id: TheJob, deployment: TheDeployment, user: CurrentUser) -> EstimateAnswer:
    """The estimate for a complete new run."""
    return forecast_job(deployment, visible(user, deployment.job(job_id)))


@router.get("/api/experiments", summary="Names of experiments", responses=refusals())
def list_experiments(deployment: TheDeployment, user: CurrentUser) -> ExperimentList:
    """The experiments of jobs that the user may see; 1,000 at most."""
    return ExperimentList(experiments=experiments(deployment, user.name, user.sees_all))
