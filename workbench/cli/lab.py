"""``workbench lab``: JupyterLab on the notebooks, with this environment's kernel and the stack."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.output import command, print_json

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(lab)


@command
def lab(
    folder: Annotated[Path | None, typer.Argument(help="What it shows; default: notebooks/ of the checkout.")] = None,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Its port on 127.0.0.1; 0: a free one.")] = 0,
    open_: Annotated[
        bool | None, typer.Option("--open/--no-open", help="Open it in a browser; default: in a terminal, yes.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Start JupyterLab and keep it until Ctrl-C. Starts the stack when none runs; that goes on, and so do jobs."""
    import signal

    from workbench.cli.run import connect
    from workbench.cli.stack import open_page
    from workbench.notebook.lab import default_folder, running_lab

    bench = connect(start=True, quiet=as_json)
    place = folder.expanduser().absolute() if folder else default_folder()

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    try:
        with running_lab(bench.settings, place, port=port) as running:
            if as_json:
                print_json({"url": running.url, "folder": str(place), "pid": running.process.pid})
            else:
                print(f"JupyterLab on {place}\n  {running.url}\nCtrl-C ends it and its kernels; jobs go on.")
            sys.stdout.flush()
            if open_ if open_ is not None else sys.stdout.isatty() and not as_json:
                open_page(running.url)
            running.process.wait()
    except KeyboardInterrupt:
        if not as_json:
            print("JupyterLab has ended.")
