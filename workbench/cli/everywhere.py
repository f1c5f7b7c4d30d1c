"""The options of every command: ``--home`` behind any of them, and ``--version`` of the whole."""

from __future__ import annotations

import os
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import typer


def _print_version(asked: bool) -> None:
    if asked:
        print(f"workbench {metadata.version('talking-head-workbench')}")
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
]


def add_home(command: Any) -> None:
    """Add ``--home`` to a command and to all below it."""
    command.params.append(_home_option())
    for one in getattr(command, "commands", {}).values():
        add_home(one)


def _home_option() -> Any:
    """An option made by typer, without a parameter of the command's function: it sets WORKBENCH_HOME."""

    def takes(
        home: Annotated[
            Path | None,
            typer.Option(
                "--home",
                metavar="FOLDER",
                show_default=False,
                help="Folder of all state; default: WORKBENCH_HOME, else the user's data.",
            ),
        ] = None,
    ) -> None: ...

    app = typer.Typer(add_completion=False)
    app.command()(takes)
    option = typer.main.get_command(app).params[0]
    option.expose_value = False
    option.callback = _use
    option.is_eager = True
    return option


def _use(_context: Any, _option: Any, home: Path | None) -> None:
    if home is not None:
        os.environ["WORKBENCH_HOME"] = str(Path(home).expanduser().absolute())
