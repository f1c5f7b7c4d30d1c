"""``workbench up``, ``down``, ``status`` and ``doctor``: the embedded stack of this machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.output import ExitCode, Json, command, print_json, print_table
from workbench.cli.page import address, show_page, wait_for_page
from workbench.settings import default_home

if TYPE_CHECKING:
    from workbench.embedded.part import Part


STATE_STYLES = {
    "up": "green",
    "external": "green",
    "starting": "yellow",
    "down": "red",
    "failing": "bold red",
    "off": "dim",
    "ok": "green",
    "warning": "yellow",
    "problem": "bold red",
}


@command
def up(
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Run in the background; return when ready.")] = False,
    only: Annotated[str, typer.Option(help="Parts to start, e.g. bus,objects,sql,mlflow; default: all.")] = "",
    port: Annotated[list[str] | None, typer.Option(help="Fixed port of a part, e.g. bus=7000. Repeatable.")] = None,
    open_: Annotated[
        bool | None, typer.Option("--open/--no-open", help="Open the page in a browser; default: yes on a terminal.")
    ] = None,
    no_token: Annotated[
        bool, typer.Option("--no-token", help="Let every account of this machine use the page, without a token.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Start the stack, open its page and run it until Ctrl-C. Uses the stack that already runs in this home, if any.

    Parts whose URLs are set (WORKBENCH_BUS_URL, _S3_URL, _SQL_URL, _MLFLOW_URL) are used and not started.
    """
    from workbench.embedded.plan import DEFAULT_PARTS
    from workbench.embedded.ports import parse_ports
    from workbench.embedded.run import StackOptions, run_stack
    from workbench.embedded.stack import start_detached, wait_started
    from workbench.settings import load_settings

    place = default_home()
    names = tuple(name.strip() for name in only.split(",") if name.strip()) or DEFAULT_PARTS
    options = StackOptions(only=names, ports=parse_ports(port or []), token=not no_token)

    def say(line: str) -> None:
        if not as_json:
            print(line, flush=True)

    def show() -> None:
        _print_status(place, as_json)
        page = load_settings(home=place).app_url
        if page and not as_json and sys.stdout.isatty():
            print(f"page {address(place, f'{page}/')}", flush=True)

    wanted = open_ if open_ is not None else sys.stdout.isatty() and not detach and not as_json

    def opened(part: Part) -> None:
        if part.name == "app" and wanted:
            show_page(place, f"{part.url}/")

    if detach:
        start_detached(place, options)
        if "app" in names and not wait_for_page(place):
            log = place / "logs" / "app.log"
            print(f"The page does not respond yet: `workbench status` shows its state, {log} its log.", file=sys.stderr)
        show()
    else:
        while not run_stack(place, options, on_started=show, on_first_up=opened, say=say):
            if wait_started(place):  # another process runs it; if that one is just ending, try again
                say(f"A stack already runs in {place}.")
                show()
                break
        else:
            return
    if wanted and (page := wait_for_page(place)):
        show_page(place, f"{page}/")


@command
def down() -> None:
    """Stop the stack and wait until all its processes have ended. Running nodes have 15 seconds to hand back work."""
    from workbench.embedded.stack import stop

    place = default_home()
    print("stopped" if stop(place) else f"no stack runs in {place}")


@command
def status(as_json: Json = False) -> None:
    """Show the state of every part of the stack. Exit code 3 if no stack runs here."""
    place = default_home()
    if not _print_status(place, as_json):
        raise typer.Exit(ExitCode.NO_STACK)


@command
def doctor(
    objects: Annotated[
        bool, typer.Option("--objects", help="Also read every artifact and compare its bytes with its digest.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --objects: only report damage; restore and remove nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check everything the workbench needs, and show a remedy for each problem. Exit code 4 if there is a problem.

    With --objects a damaged artifact is restored from a good copy (the home's cache, MLflow's files). If there is none,
    it is removed if a job can compute it again.
    """
    from workbench.client.delivery.check import signing_finding
    from workbench.embedded.doctor import examine
    from workbench.settings import load_settings

    report = examine(default_home())
    signing = signing_finding(load_settings(home=Path(report.home)))
    report = report.model_copy(update={"findings": [*report.findings, signing]})
    if objects:
        from workbench.cli.objects import add_objects

        report = add_objects(report, repair=not dry_run)
    if as_json:
        print_json(report)
    else:
        rows = [(f.level, f.check, f.message + (f"\n→ {f.remedy}" if f.remedy else "")) for f in report.findings]
        print_table(("level", "check", "finding"), rows, STATE_STYLES)
    if not report.healthy:
        raise typer.Exit(ExitCode.FINDINGS)


def _print_status(home: Path, as_json: bool) -> bool:
    from workbench.embedded.stack import status as ask

    answer = ask(home)
    if as_json:
        print_json(answer)
    else:
        rows = [
            (part.name, part.state, part.url, part.pid, part.restarts or None, part.message or _last(part.last_exit))
            for part in answer.parts
        ]
        print_table(("part", "state", "url", "pid", "restarts", "remark"), rows, STATE_STYLES)
        if answer.running:
            print(f"home {answer.home}", flush=True)
        else:
            print(f"no stack runs in {answer.home}; start one with `workbench up`", flush=True)
    return answer.running


def _last(last_exit: str | None) -> str:
    return f"last ended with {last_exit}" if last_exit else ""
