"""``workbench mlflow env``: what the plain MLflow client needs to reach this deployment's records."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from workbench.cli.output import command, print_json

group = typer.Typer(name="mlflow", no_args_is_help=True, help="MLflow behind the app: what its client needs.")


def register(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(group)


@group.callback()
def _group() -> None:
    """A group although it has one command: `workbench mlflow env`, not `workbench mlflow`."""


@group.command()
@command
def env(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Print what the mlflow client needs, for `eval "$(workbench mlflow env)"`."""
    from schemas.errors import WorkbenchError
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
        except WorkbenchError as silent:
            print(f"# The app, which serves MLflow, does not answer now: {silent.message}")
    if "MLFLOW_TRACKING_TOKEN" not in values:
        print(
            "# Where people log in: MLFLOW_TRACKING_TOKEN is an API token, from `workbench user token add USER NAME`."
        )
