"""``workbench sweep``: plan and start a sweep, list, show, pause, resume, cancel, extend and delete sweeps."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from workbench.cli.consent_option import Said, asking, said
from workbench.cli.output import ExitCode, Json, command, note, print_json, print_table
from workbench.cli.run import connect

if TYPE_CHECKING:
    from schemas.sweep import SweepInFull, SweepPlan, SweepSpec
    from workbench.client.deployment import Deployment

LOOK_EVERY_S = 0.5


class SweepCommand(TyperGroup):
    """``sweep SPEC.yaml`` is ``sweep start SPEC.yaml``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        named = [word for word in args if word in self.commands]
        if args and "--help" not in args[:1] and (not named or args[0] not in self.commands):
            args = ["start", *args]
        return super().parse_args(ctx, args)


group = typer.Typer(
    name="sweep",
    cls=SweepCommand,
    no_args_is_help=True,
    help="Sweeps: one pipeline over several axes. `workbench sweep SPEC.yaml` starts one.",
)
Spec = Annotated[Path, typer.Argument(metavar="SPEC", help="A .yaml or .json file; docs/sweeps.md describes it.")]
SweepId = Annotated[str, typer.Argument(metavar="SWEEP", help="Id of a sweep; `workbench sweep list` shows them.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until all its jobs have ended.")]


@group.command()
@command
def start(
    spec: Spec,
    plan: Annotated[bool, typer.Option("--plan", help="Only show what it would run.")] = False,
    wait: Wait = False,
    consent: Said = None,
    as_json: Json = False,
) -> None:
    """Start a sweep. Checks every cell first. Starts the stack if none runs."""
    from workbench.client.access import LOCAL
    from workbench.client.consent import EntryPoint
    from workbench.client.sweeps import launch
    from workbench.client.sweeps.local_files import read_spec

    given, by = read_spec(spec), said(consent)  # before anything starts
    deployment = connect(start=True, quiet=as_json)
    read = asking(deployment, lambda: _stored(deployment, given, spec, by))
    planned = launch.plan(deployment, LOCAL, read)
    if plan:
        _print_plan(planned, as_json)
        return
    if not as_json:
        _print_plan(planned, as_json=False)
    sweep = asking(deployment, lambda: launch.launch(deployment, LOCAL, read, by, entry=EntryPoint.CLI))
    _end(deployment, sweep, wait=wait, as_json=as_json)


@group.command()
@command
def extend(
    sweep: SweepId,
    spec: Spec,
    wait: Wait = False,
    consent: Said = None,
    as_json: Json = False,
) -> None:
    """Give a sweep a new spec. Cells that compute the same keep their jobs, the others run."""
    from workbench.client.access import LOCAL
    from workbench.client.consent import EntryPoint
    from workbench.client.sweeps import launch
    from workbench.client.sweeps.local_files import read_spec

    given, by = read_spec(spec), said(consent)
    deployment = connect(start=True, quiet=as_json)
    read = asking(deployment, lambda: _stored(deployment, given, spec, by))
    asking(deployment, lambda: launch.extend(deployment, LOCAL, sweep, read, by, entry=EntryPoint.CLI))
    _end(deployment, sweep, wait=wait, as_json=as_json)


@group.command("list")
@command
def list_(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Maximum number of sweeps, newest first.")] = 20,
    as_json: Json = False,
) -> None:
    """List sweeps, newest first."""
    from workbench.client.access import LOCAL
    from workbench.client.sweeps.view import sweep_list

    page = sweep_list(connect(), LOCAL, limit, 0)
    if as_json:
        print_json(page)
        return
    if not page.sweeps:
        print("There are no sweeps yet. Start one: `workbench sweep SPEC.yaml`.")
        return
    rows = [
        (
            line.id,
            line.name,
            line.state.value,
            f"{line.by_status.get('completed', 0)}/{line.cells}",
            time.strftime("%Y-%m-%d %H:%M", time.localtime(line.created)),
        )
        for line in page.sweeps
    ]
    print_table(("sweep", "name", "state", "cells", "started"), rows, _STYLES, wide=("started",))
    if page.total > len(rows):
        print(f"{page.total - len(rows)} more; use --limit to show them")


@group.command()
@command
def show(sweep: SweepId, as_json: Json = False) -> None:
    """Show a sweep and its cells."""
    _print_sweep(_full(connect(), sweep), as_json)


@group.command()
@command
def pause(sweep: SweepId, as_json: Json = False) -> None:
    """Submit no more cells for now. Jobs that were submitted go on."""
    _change("pause", sweep, as_json)


@group.command()
@command
def resume(sweep: SweepId, wait: Wait = False, as_json: Json = False) -> None:
    """Submit what is left, and failed and cancelled cells anew."""
    deployment = _change("resume", sweep, as_json and not wait)
    if wait:
        _end(deployment, sweep, wait=True, as_json=as_json)


@group.command()
@command
def cancel(sweep: SweepId, as_json: Json = False) -> None:
    """Cancel a sweep and its unfinished jobs. It can be resumed."""
    _change("cancel", sweep, as_json)


@group.command("delete")
@command
def delete_(sweep: SweepId, as_json: Json = False) -> None:
    """Delete a sweep that has no jobs left; `workbench job delete` deletes those."""
    from workbench.cli.output import print_answer
    from workbench.client.access import LOCAL
    from workbench.client.sweeps import launch

    launch.delete(connect(), LOCAL, sweep)
    print_answer({"sweep": sweep, "deleted": True}, f"deleted {sweep}", as_json)


def _stored(deployment: Deployment, spec: SweepSpec, file: Path, consent: Any) -> SweepSpec:
    from workbench.client.access import LOCAL
    from workbench.client.consent import EntryPoint
    from workbench.client.sweeps.local_files import with_stored_files

    base = file.expanduser().absolute().parent
    return with_stored_files(deployment, spec, base, consent, owner=LOCAL.name, entry=EntryPoint.CLI)


def _change(what: str, sweep: str, as_json: bool) -> Deployment:
    from workbench.client.access import LOCAL
    from workbench.client.sweeps import launch

    deployment = connect()
    getattr(launch, what)(deployment, LOCAL, sweep)
    _print_sweep(_full(deployment, sweep), as_json, cells=False)
    return deployment


def _full(deployment: Deployment, sweep: str) -> SweepInFull:
    from workbench.client.access import LOCAL
    from workbench.client.mlflow_access import run_page
    from workbench.client.sweeps.view import sweep_in_full
    from workbench.store.sweep_runs import sweep_run

    full = sweep_in_full(deployment, LOCAL, sweep)
    full.mlflow_run = run_page(deployment.settings, sweep_run(deployment.store, sweep))  # with the app's address
    return full


def _end(deployment: Deployment, sweep: str, *, wait: bool, as_json: bool) -> None:
    """Print the sweep, after its end if that is asked for. Exit code 1 if a cell did not complete."""
    if not wait:
        full = _full(deployment, sweep)
        if as_json:
            print_json(full)
        else:
            print(full.id)
            note(f"`workbench sweep show {full.id}` shows it; `--wait` waits for its end.")
        return
    full = _wait(deployment, sweep, quiet=as_json)
    _print_sweep(full, as_json)
    if set(full.by_status) - {"completed"}:
        raise typer.Exit(ExitCode.FAILED)


def _wait(deployment: Deployment, sweep: str, *, quiet: bool) -> SweepInFull:
    from schemas.sweep import SweepState

    shown = ""
    while True:
        full = _full(deployment, sweep)
        text = f"{full.id}: {_counts(full)}"
        if text != shown and not quiet:
            print(text, file=sys.stderr, flush=True)
            shown = text
        if full.state in (SweepState.COMPLETED, SweepState.CANCELLED):
            return full
        time.sleep(LOOK_EVERY_S)


def _counts(full: SweepInFull) -> str:
    said_ = ", ".join(f"{count} {status}" for status, count in sorted(full.by_status.items()))
    return f"{said_} of {full.cells} cells"


def _print_plan(plan: SweepPlan, as_json: bool) -> None:
    if as_json:
        print_json(plan)
        return
    for axis in plan.axes:
        labels = ", ".join(axis.labels[:6]) + (f", … ({len(axis.labels)})" if len(axis.labels) > 6 else "")
        print(f"{axis.name}: {labels}" if len(labels) < 60 else f"{axis.name}: {labels[:59]}…")
    excluded = f" ({plan.excluded} excluded)" if plan.excluded else ""
    print(f"{plan.cells} cells{excluded}, {plan.complete} with all results already")
    saved = plan.nodes - plan.distinct
    print(f"{plan.nodes} node executions, {plan.distinct} distinct ({saved} saved), {plan.cached} computed before")
    if plan.seconds is not None:
        print(f"about {_duration(plan.seconds)} on one worker")


def _print_sweep(full: SweepInFull, as_json: bool, *, cells: bool = True) -> None:
    if as_json:
        print_json(full)
        return
    print(f"{full.name} ({full.id}): {full.state.value}, {_counts(full)}")
    if full.mlflow_run:
        print(f"MLflow: {full.mlflow_run}")
    if not cells:
        return
    rows = []
    for cell in full.table:
        status = cell.status.value if cell.status else "refused" if cell.error else "planned"
        places = ["" if at is None else axis.labels[at][:24] for axis, at in zip(full.axes, cell.at, strict=True)]
        kept = "from the cache" if cell.cached else f"{cell.nodes_cached}/{cell.nodes}" if cell.nodes else ""
        rows.append(
            (*places, status, kept, cell.job or "", cell.error or ("no longer asked for" if cell.removed else ""))
        )
    print_table((*(axis.name for axis in full.axes), "status", "cached", "job", "error"), rows, _STYLES)


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


_STYLES = {
    "completed": "green",
    "failed": "bold red",
    "refused": "bold red",
    "cancelled": "yellow",
    "running": "cyan",
    "paused": "yellow",
}
