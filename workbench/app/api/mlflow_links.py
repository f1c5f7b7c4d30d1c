"""Links into MLflow's page."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from schemas.api import JobId, MlflowPage
from schemas.name import KnownName
from workbench.app.api._request import CurrentUser, StrictRoute, TheDeployment, refusals
from workbench.client.mlflow_links import comparison_link, experiment_link

router = APIRouter(tags=["mlflow"], route_class=StrictRoute)

Jobs = Annotated[list[JobId], Query(min_length=2, max_length=100, description="Jobs to compare. Repeatable.")]


@router.get("/api/mlflow/comparison", summary="MLflow's comparison of jobs", responses=refusals(403, 404, 409, 422))
def comparison(job: Jobs, deployment: TheDeployment, user: CurrentUser) -> MlflowPage:
    """All jobs must be recorded. MLflow shows their parameters, metrics and files side by side."""
    return MlflowPage(url=comparison_link(deployment, user, job))


@router.get("/api/mlflow/experiment", summary="MLflow's table of an experiment", responses=refusals(422))
def experiment(
    name: Annotated[KnownName, Query(description="Name of the experiment.")],
    deployment: TheDeployment,
    user: CurrentUser,
) -> MlflowPage:
    """The table of the experiment's runs, with their parameters and metrics."""
    return MlflowPage(url=experiment_link(deployment, user, name))
