"""Where people and their programs find MLflow: behind the app, at ``/mlflow``.

The settings' own URL is how this process reaches it, which may be a socket that only its owner can open.
"""

from __future__ import annotations

from schemas.errors import WorkbenchError
from workbench.settings import Settings
from workbench.store.tracking_api import run_url, without_login
from workbench.unix_url import socket_of

PATH = "/mlflow"
NO_ADDRESS = "recorded; its page is served by the app, and none runs here: start the stack with it"


def address(settings: Settings) -> str:
    """MLflow's address for a browser and for its plain client; empty where there is none.

    The app's, and without an app that of the server itself, where it has one, without the login in it.
    """
    if not settings.mlflow_url:
        return ""
    if settings.app_url:
        return settings.app_url.rstrip("/") + PATH
    return "" if socket_of(settings.mlflow_url) else without_login(settings.mlflow_url)


def run_page(settings: Settings, run: str | None) -> str | None:
    """The page of a run; None where there is no run, or nothing that would show it."""
    base = address(settings)
    return run_url(base, run) if run and base else None


def client_environment(settings: Settings) -> dict[str, str]:
    """What the plain ``mlflow`` client reads: MLFLOW_TRACKING_URI, and MLFLOW_TRACKING_TOKEN where one is known.

    Raises WorkbenchError: tracking.off, stack.not_running.
    """
    if not settings.mlflow_url:
        raise WorkbenchError(
            "tracking.off",
            "nothing is recorded in MLflow here",
            where=str(settings.home),
            seen="WORKBENCH_MLFLOW_URL is not set, and no stack with the part mlflow runs",
            remedy="Start it with `workbench up --detach`, or set the URL of an MLflow server.",
        )
    base = address(settings)
    if not base:
        raise WorkbenchError(
            "stack.not_running",
            "MLflow listens on a socket that the mlflow client cannot use, and no app serves it",
            where=str(settings.home),
            seen="the stack runs without the part app",
            remedy="Start the stack with all its parts (`workbench up`); jobs are recorded without the app too.",
        )
    token = {"MLFLOW_TRACKING_TOKEN": settings.app_token} if settings.app_token and settings.app_url else {}
    return {"MLFLOW_TRACKING_URI": base, **token}
