"""Links into MLflow's page that need a look into MLflow: the table of an experiment, the comparison of jobs."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.errors import WorkbenchError
from workbench.client.access import User, may_see_mlflow, reader
from workbench.client.deployment import Deployment
from workbench.client.mlflow_access import PATH, tracking_off
from workbench.settings import Settings
from workbench.store.listing import JobFilter
from workbench.store.mlflow_pages import comparison_url, experiment_url
from workbench.store.tracking_api import TrackingApi

_TIMEOUT_S = 5.0


def comparison_link(deployment: Deployment, user: User, job_ids: Sequence[str]) -> str:
    """The path of MLflow's comparison of the runs of these jobs.

    Raises WorkbenchError: job.unknown, tracking.not_recorded, tracking.off, tracking.unreachable, access.forbidden.
    """
    api = _api(deployment.settings, user)
    ids = list(dict.fromkeys(job_ids))
    page = deployment.store.list(JobFilter(ids=ids, reader=reader(user), limit=len(ids)))
    lines = {line.id: line for line in page.jobs}
    for job in ids:
        if job not in lines:
            raise WorkbenchError(
                "job.unknown", f"there is no job {job}", where=job, remedy="Correct the id of the job."
            )
    runs = {job: run for job in ids if (run := lines[job].mlflow_run_id)}
    if len(runs) < len(ids):
        raise WorkbenchError(
            "tracking.not_recorded",
            "MLflow does not have the runs of all these jobs yet",
            seen=[job for job in ids if job not in runs],
            remedy="Select jobs that have ended. The page of a job says if MLflow rejected its record.",
        )
    one_of_each = {lines[job].experiment: run for job, run in runs.items()}
    experiments = sorted({str(api.run_info(run)["experiment_id"]) for run in one_of_each.values()})
    return comparison_url(PATH, runs.values(), experiments)


def experiment_link(deployment: Deployment, user: User, name: str) -> str | None:
    """The path of MLflow's table of the runs of an experiment; None before MLflow has it, and for who may not see it.

    Raises WorkbenchError: tracking.unreachable.
    """
    settings = deployment.settings
    if not settings.mlflow_url or not may_see_mlflow(user, settings):
        return None
    found = TrackingApi(settings.mlflow_url, _TIMEOUT_S).find_experiment(name)
    return None if found is None else experiment_url(PATH, found)


def _api(settings: Settings, user: User) -> TrackingApi:
    if not settings.mlflow_url:
        raise tracking_off(settings)
    if not may_see_mlflow(user, settings):
        raise WorkbenchError(
            "access.forbidden",
            "only administrators may open MLflow here",
            seen=user.role.value,
            allowed=["admin"],
            remedy="Ask an administrator, or one to set WORKBENCH_MLFLOW_ACCESS=lab.",
        )
    return TrackingApi(settings.mlflow_url, _TIMEOUT_S)
