"""``workbench mlflow env``: the environment in which the plain MLflow client reaches this deployment's runs."""

from __future__ import annotations

import shlex

import typer

from schemas.errors import WorkbenchError
from workbench.cli.output import Json, command, print_json

group = typer.Typer(name="mlflow", no_args_is_help=True, help="MLflow behind the app: environment of its client.")


@group.callback()
def _group() -> None:
    """Makes typer keep the group although it has only one command."""


@group.command()
@command
def env(as_json: Json = False) -> None:
    """Print the environment variables of the MLflow client, for `eval "$(workbench mlflow env)"`."""
    from workbench.client.mlflow_access import client_environment
    from workbench.embedded.probes import probe
    from workbench.settings import load_settings

    settings = load_settings()
    values = client_environment(settings)
    if as_json:
        print_json(values)
        return
    for name, value in values.items():
        print(f"export {name}={shlex.quote(value)}")
    if settings.app_url:
        try:
            probe("app", settings)
        except WorkbenchError as error:
            print(f"# The app, which serves MLflow, does not respond now: {error.message}")
    if "MLFLOW_TRACKING_TOKEN" not in values:
        print("# If users log in: set MLFLOW_TRACKING_TOKEN to an API token of `workbench user token add USER NAME`.")
