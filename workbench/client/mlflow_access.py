"""The address of MLflow for people and programs: behind the app, at ``/mlflow``.

The URL in the settings is for this process only. It may be a socket that only its owner can open.
"""

from __future__ import annotations

from schemas.errors import WorkbenchError
from workbench.settings import Settings
from workbench.store.mlflow_pages import run_url
from workbench.store.tracking_api import without_login
from workbench.unix_url import socket_of

PATH = "/mlflow"
NO_ADDRESS = "recorded; the app serves its page but does not run here: start the stack with the app"


def address(settings: Settings) -> str:
    """MLflow's address for a browser and for the plain MLflow client; empty if there is none.

    The address is below the app. Without an app, it is that of the MLflow server, if it has one, without credentials.
    """
    if not settings.mlflow_url:
        return ""
    if settings.app_url:
        return settings.app_url.rstrip("/") + PATH
    return "" if socket_of(settings.mlflow_url) else without_login(settings.mlflow_url)


def run_page(settings: Settings, run: str | None) -> str | None:
    """The page of a run; None if there is no run, or nothing serves the page."""
    base = address(settings)
    return run_url(base, run) if run and base else None


def tracking_off(settings: Settings) -> WorkbenchError:
    """The error for a deployment that records nothing in MLflow."""
    return WorkbenchError(
        "tracking.off",
        "this deployment does not record jobs in MLflow",
        where=str(settings.home),
        seen="WORKBENCH_MLFLOW_URL is not set, and no stack with the part `mlflow` runs",
        remedy="Start it with `workbench up --detach`, or set the URL of an MLflow server.",
    )


def client_environment(settings: Settings) -> dict[str, str]:
    """The variables of the plain ``mlflow`` client: MLFLOW_TRACKING_URI, and MLFLOW_TRACKING_TOKEN if there is a token.

    Raises WorkbenchError: tracking.off, stack.not_running.
    """
    if not settings.mlflow_url:
        raise tracking_off(settings)
    base = address(settings)
    if not base:
        raise WorkbenchError(
            "stack.not_running",
            "MLflow listens on a socket that the MLflow client cannot use, and no app serves it",
            where=str(settings.home),
            seen="the stack runs without the part `app`",
            remedy="Start the stack with all its parts (`workbench up`); jobs are also recorded without the app.",
        )
    token = {"MLFLOW_TRACKING_TOKEN": settings.app_token} if settings.app_token and settings.app_url else {}
    return {"MLFLOW_TRACKING_URI": base, **token}
