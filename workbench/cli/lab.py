"""``workbench lab``: JupyterLab with the notebooks, this environment's kernel and the stack."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.output import Json, command, print_answer
from workbench.cli.run import connect


@command
def lab(
    folder: Annotated[
        Path | None,
        typer.Argument(help="The folder to show; default: copies of the notebooks in ~/workbench-notebooks."),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port on 127.0.0.1; 0: a free port.")] = 0,
    open_: Annotated[
        bool | None, typer.Option("--open/--no-open", help="Open it in a browser; default: yes on a terminal.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run JupyterLab until Ctrl-C. Starts the stack if none runs. The stack and its jobs continue afterwards."""
    import signal

    from workbench.cli.browser import open_page, secret_page
    from workbench.client.examples import notebook_folder
    from workbench.notebook.lab import check_installed, running_lab

    check_installed()  # before starting a stack
    deployment = connect(start=True, quiet=as_json)
    place = folder.expanduser().absolute() if folder else notebook_folder()

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    try:
        with ExitStack() as until_the_end:
            running = until_the_end.enter_context(running_lab(deployment.settings, place, port=port))
            print_answer(
                {"url": running.url, "folder": str(place), "pid": running.process.pid},
                f"JupyterLab on {place}\n  {running.url}\nCtrl-C stops it and its kernels; jobs continue.",
                as_json,
            )
            sys.stdout.flush()
            if open_ if open_ is not None else sys.stdout.isatty() and not as_json:
                page = deployment.settings.home / "run" / f"lab-{running.process.pid}.html"
                open_page(until_the_end.enter_context(secret_page(running.url, page)))
            running.await_end()
    except KeyboardInterrupt:
        pass
    if not as_json:
        print("JupyterLab has stopped.")
