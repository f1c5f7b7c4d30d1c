"""``workbench engines``: environments of their own for torch and F5-TTS."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.output import ExitCode, Json, command, print_json, print_table

group = typer.Typer(
    name="engines", no_args_is_help=True, help="Environments for engines whose packages do not fit beside ours."
)
Name = Annotated[str, typer.Argument(help="torch or f5.")]
STYLES = {"installed": "green", "outdated": "yellow", "missing": "dim", "no": "yellow"}


@group.command("list")
@command
def list_(as_json: Json = False) -> None:
    """List the engines and whether this machine has them."""
    from nodes.registry import services
    from workbench.environments.installing import engine_statuses
    from workbench.settings import load_settings

    by_pool: dict[str, list[str]] = {}
    for name, declaration in sorted(services().items()):
        by_pool.setdefault(declaration.pool, []).append(name)
    found = engine_statuses(load_settings().engines, by_pool)
    if as_json:
        print_json(found)
        return
    rows = [(one.name, one.state.value, f"{one.disk_gib:g} GiB", one.title, ", ".join(one.services)) for one in found]
    print_table(("engine", "state", "disk", "what it is for", "services"), rows, STYLES)


@group.command()
@command
def install(
    name: Name,
    more: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="PACKAGE", help="A further package, such as your own nodes. Repeatable."),
    ] = None,
    cpu: Annotated[bool, typer.Option("--cpu", help="Refuse a torch for CUDA, which takes several GiB.")] = False,
    python: Annotated[Path | None, typer.Option(help="Make it with this interpreter; default: this one.")] = None,
) -> None:
    """Install an engine, or bring it up to date. Restart the stack afterwards: it starts a worker for the engine."""
    import sys

    from workbench.environments.engines import engine
    from workbench.environments.installing import install as install_engine
    from workbench.settings import load_settings

    interpreter = install_engine(
        load_settings().engines,
        engine(name),
        more=more or (),
        cpu=cpu,
        python=str(python or sys.executable),
        say=lambda line: print(line, file=sys.stderr, flush=True),
    )
    print(f"{name} is installed: {interpreter}")


@group.command()
@command
def check(name: Name, as_json: Json = False) -> None:
    """Import the packages of an engine and list its devices and services. Exit code 4 if something is missing."""
    from workbench.environments.engines import engine
    from workbench.environments.installing import check as check_engine
    from workbench.settings import load_settings

    found = check_engine(load_settings().engines, engine(name))
    if as_json:
        print_json(found)
    else:
        print(f"Python {found.python}; {'; '.join(found.devices)}")
        rows = [(module, version or "yes", "") for module, version in found.packages.items()]
        rows += [(module, "no", error) for module, error in found.broken.items()]
        print_table(("module", "version", "problem"), rows, STYLES)
        print_table(
            ("service", "can run", "missing"),
            [(service, "no" if missing else "yes", missing) for service, missing in found.services.items()],
            STYLES,
        )
    if not found.complete:
        raise typer.Exit(ExitCode.FINDINGS)
