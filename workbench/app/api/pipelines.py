"""Pipelines, what they usually take, and the experiments there are."""

from __future__ import annotations

from fastapi import APIRouter

from schemas.api import EstimateAnswer, EstimateRequest, ExperimentList, PipelineList
from workbench.app.api._request import Asker, StrictRoute, TheBench, TheJob, refusals
from workbench.app.identity import visible
from workbench.client.describe import describe_pipelines, experiments, typical_pipeline_seconds
from workbench.client.pipelines import find_pipeline
from workbench.client.specimen import specimen

router = APIRouter(tags=["pipelines"], route_class=StrictRoute)


@router.get("/api/pipelines", summary="Pipelines, their forms, who offers them", responses=refusals())
def list_pipelines(bench: TheBench, user: Asker) -> PipelineList:
    """Answers within seconds, also while the bus is away: then nothing is offered, with that as the reason."""
    return PipelineList(pipelines=describe_pipelines(bench, user.name))


@router.post("/api/estimate", summary="Expected seconds of a pipeline", responses=refusals(404, 422))
def estimate_pipeline(asked: EstimateRequest, bench: TheBench, user: Asker) -> EstimateAnswer:
    """Along the longest path, from what its services took lately."""
    graph = specimen(find_pipeline(asked.pipeline), asked.leave_out)
    seconds = typical_pipeline_seconds(bench, graph)
    return EstimateAnswer(seconds=seconds, known=seconds is not None)


@router.get("/api/jobs/{job_id}/estimate", summary="Expected seconds of a job's graph", responses=refusals(404))
def estimate_job(job_id: TheJob, bench: TheBench, user: Asker) -> EstimateAnswer:
    """As if it ran now from the beginning."""
    seconds = typical_pipeline_seconds(bench, visible(user, bench.job(job_id)).graph)
    return EstimateAnswer(seconds=seconds, known=seconds is not None)


@router.get("/api/experiments", summary="Names of experiments", responses=refusals())
def list_experiments(bench: TheBench, user: Asker) -> ExperimentList:
    """Those that jobs which the user may see are recorded in; 1,000 at most."""
    return ExperimentList(experiments=experiments(bench, user.name, user.sees_all))
