"""``workbench control``, ``worker`` and ``app``: the roles, for the stack and for other machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.output import command

if TYPE_CHECKING:
    from workbench.settings import Settings


@command
def control() -> None:
    """Run a control plane until Ctrl-C: light nodes, recording, recovery. Needs bus, objects and SQL."""
    from workbench.control.role import ControlPlane
    from workbench.embedded.ready import announce_ready, has_supervisor
    from workbench.engine.worker import run_until_signal

    plane = ControlPlane(_role_settings())

    def start() -> None:
        plane.start()
        announce_ready()

    run_until_signal(start, plane.stop, plane.worker.drained, with_parent=has_supervisor())


@command
def worker(
    pool: Annotated[str, typer.Option(help="The worker pool of this environment.")] = "cpu",
    slots: Annotated[int, typer.Option(min=1, max=64, help="Number of nodes to run at the same time.")] = 1,
) -> None:
    """Run a data worker until Ctrl-C. Needs two URLs: bus and objects."""
    from workbench.data.role import data_worker
    from workbench.embedded.ready import announce_ready, has_supervisor
    from workbench.engine.worker import run_until_signal

    running = data_worker(_role_settings(), pool, slots)

    def start() -> None:
        running.start()
        if running.wait_ready():
            announce_ready()

    run_until_signal(start, running.stop, running.drained, with_parent=has_supervisor())


@command
def serve_app(
    host: Annotated[str, typer.Option(help="Address to listen on; all except loopback require users.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 7860,
    no_token: Annotated[
        bool, typer.Option("--no-token", help="On loopback: give access to every account of this machine.")
    ] = False,
) -> None:
    """Run the page and its HTTP API until Ctrl-C. Needs bus, objects and SQL.

    On loopback the token of the home opens it (`workbench token`). Elsewhere and with WORKBENCH_LOGIN=required users
    log in.
    """
    from workbench.app.access.policy import people_log_in
    from workbench.app.role import serve
    from workbench.embedded.credentials import credentials
    from workbench.embedded.home import prepare_home
    from workbench.embedded.ready import announce_ready
    from workbench.logs import configure_logging
    from workbench.settings import load_settings

    settings = load_settings()
    configure_logging(settings.log_level)
    if no_token:
        settings = load_settings(app_token="")
        print("--no-token: on loopback every account of this machine can use this page, its jobs and files", flush=True)
    elif not settings.app_token and not people_log_in(settings, host):
        prepare_home(settings.home)
        settings = load_settings(app_token=credentials(settings.home)["app_token"])
    serve(settings, host, port, announce_ready)


def _role_settings() -> Settings:
    """The settings, after starting the log and the metrics that they select."""
    from workbench.logs import configure_logging
    from workbench.metrics import serve_metrics
    from workbench.settings import load_settings

    settings = load_settings()
    configure_logging(settings.log_level)
    serve_metrics(settings.metrics_port, settings.app_token)
    return settings
