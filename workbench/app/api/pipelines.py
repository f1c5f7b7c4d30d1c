"""Pipelines, what they usually take, and the experiments there are."""

from __future__ import annotations

from fastapi import APIRouter

from schemas.api import EstimateAnswer, ExperimentList, JobRequest, PipelineList
from workbench.app.api._request import Asker, StrictRoute, TheDeployment, TheJob, refusals
from workbench.client.access import reader, visible
from workbench.client.describe import describe_pipelines, experiments
from workbench.client.forecast import forecast_graph, forecast_request

router = APIRouter(tags=["pipelines"], route_class=StrictRoute)


@router.get("/api/pipelines", summary="Pipelines, their forms, who offers them", responses=refusals())
def list_pipelines(deployment: TheDeployment, user: Asker) -> PipelineList:
    """Answers within seconds, also while the bus is away: then nothing is offered, with that as the reason."""
    return PipelineList(pipelines=describe_pipelines(deployment, user.name))


@router.post("/api/estimate", summary="Expected seconds of what would be submitted", responses=refusals(404, 413, 422))
def estimate_request(asked: JobRequest, deployment: TheDeployment, user: Asker) -> EstimateAnswer:
    """The body is that of POST /api/jobs; nothing is queued or kept. Options that are missing are assumed.

    By past runs of its services with the same parameters, where there are any, else with others.
    """
    return forecast_request(deployment, asked, reader=reader(user))


@router.get("/api/jobs/{job_id}/estimate", summary="Expected seconds of a job's graph", responses=refusals(404))
def estimate_job(job_id: TheJob, deployment: TheDeployment, user: Asker) -> EstimateAnswer:
    """As if it ran now from the beginning."""
    return forecast_graph(deployment, visible(user, deployment.job(job_id)).graph)


@router.get("/api/experiments", summary="Names of experiments", responses=refusals())
def list_experiments(deployment: TheDeployment, user: Asker) -> ExperimentList:
    """Those that jobs which the user may see are recorded in; 1,000 at most."""
    return ExperimentList(experiments=experiments(deployment, user.name, user.sees_all))
