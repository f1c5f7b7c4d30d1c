"""Output of all commands: tables on a terminal, tab-separated lines in a pipe, JSON on request, and exit codes."""

from __future__ import annotations

import functools
import json
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn, ParamSpec, TypeVar

import typer
from pydantic import BaseModel

from schemas.errors import WorkbenchError

P = ParamSpec("P")
R = TypeVar("R")
WIDE = 100  # columns of a terminal

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class ExitCode(IntEnum):
    """The exit codes, with the same meaning in all commands."""

    OK = 0  # done
    FAILED = 1  # the job or the command was tried and failed
    REFUSED = 2  # not tried: wrong usage, an invalid graph or setting, an unknown job
    NO_STACK = 3  # no stack runs here, or a part of it does not respond
    FINDINGS = 4  # the command ran and found a problem (doctor)
    UNSIGNED = 5  # there is no signature to verify (verify)
    OTHER_ISSUER = 6  # the signature holds, but its issuer is unknown here (verify)
    BUG = 70  # an unexpected exception: please report it
    INTERRUPTED = 130  # Ctrl-C


_REFUSED = (
    "graph.",
    "pipeline.",
    "request.invalid",
    "settings.",
    "job.unknown",
    "job.key_reused",
    "job.ended",
    "job.not_final",
    "job.nothing_to_retry",
    "sweep.",
    "manifest.",
    "bundle.",
    "deletion.",
    "consent.",
    "study.",
    "rater_link.",
    "review.not_waiting",
    "review.decided",
    "review.bad_answer",
    "pool.unknown",
    "worker.unknown",
    "upload.refused",
    "upload.too_large",
    "upload.unreadable",
    "user.",
    "access.no_user",
    "access.quota",
    "model.bad_",
    "model.licence",
    "model.no_record",
    "model.unknown",
    "node.bad_declaration",
    "node.bad_input",
    "node.missing_package",
    "stack.missing_package",
    "notebook.unreadable",
    "notebook.bad_",
    "notebook.busy",
    "notebook.no_folder",
    "notebook.no_kernel",
)
_NO_STACK = (
    "stack.not_running",
    "bus.unreachable",
    "store.unreachable",
    "sql.unreachable",
    "tracking.unreachable",
    "tracking.off",
)


def exit_code(error: WorkbenchError) -> ExitCode:
    """The exit code of an error."""
    if error.code.startswith(_NO_STACK):
        return ExitCode.NO_STACK
    return ExitCode.REFUSED if error.code.startswith(_REFUSED) else ExitCode.FAILED


def print_json(value: BaseModel | dict[str, Any] | list[Any]) -> None:
    """Indented JSON on stdout; models in camelCase, as in every file of the contract."""
    print(json.dumps(value, indent=2, ensure_ascii=False, default=_plain))


def _plain(value: object) -> Any:
    return value.model_dump(mode="json", by_alias=True) if isinstance(value, BaseModel) else str(value)


def print_answer(value: BaseModel | dict[str, Any], text: str, as_json: bool) -> None:
    """Print the value as JSON, or the text."""
    if as_json:
        print_json(value)
    else:
        print(text)


def print_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    styles: dict[str, str] | None = None,
    wide: Collection[str] = (),
) -> None:
    """Print a table on a terminal, or tab-separated lines with a header line in a pipe.

    Args:
        styles: the rich style of a cell, by its text.
        wide: columns that only a terminal of at least 100 columns shows. The first column is then never folded.
    """
    texts = [["" if cell is None else str(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for line in [list(columns), *texts]:
            print("\t".join(cell.replace("\t", " ").replace("\n", " ") for cell in line))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    shown = [index for index, column in enumerate(columns) if console.width >= WIDE or column not in wide]
    table = Table(box=None, header_style="bold", pad_edge=False)
    for index in shown:
        table.add_column(Text(columns[index]), overflow="fold", no_wrap=bool(wide) and index == 0)
    for row in texts:
        table.add_row(*(Text(row[index], style=(styles or {}).get(row[index], "")) for index in shown))
    console.print(table)


def note(text: str) -> None:
    """Print a remark on stderr if it is a terminal."""
    if sys.stderr.isatty():
        print(text, file=sys.stderr, flush=True)


def fail(error: WorkbenchError, as_json: bool = False) -> NoReturn:
    """Print the error (JSON: ``{"error": {message, code, details}}`` on stdout; else text on stderr) and exit."""
    if as_json:
        print_json({"error": error.info()})
    else:
        print(error_text(error), file=sys.stderr)
    raise typer.Exit(exit_code(error))


def error_text(error: WorkbenchError, log_lines: int = 0) -> str:
    """The error with its remedy, its log and its code.

    Args:
        log_lines: only this many lines from the end of the log; 0: all of it.
    """
    log = str(error.details.get("log") or "").strip().splitlines()[-log_lines:]
    return "\n".join(
        [f"error: {error}", *(["  log:"] if log else []), *(f"    {line}" for line in log), f"  code: {error.code}"]
    )


@contextmanager
def reported(as_json: bool = False) -> Iterator[None]:
    """Convert exceptions of a command to a printed error and an exit code.

    A WorkbenchError prints itself. Ctrl-C exits with 130. Any other exception is a bug: it prints one line with the
    file of the traceback, or the traceback itself with ``WORKBENCH_DEBUG=1``.
    """
    try:
        yield
    except WorkbenchError as error:
        fail(error, as_json)
    except KeyboardInterrupt:
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    except BrokenPipeError:  # the reader of the output (`| head`) has closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(ExitCode.OK) from None
    except Exception as error:
        # typer's own exits and usage errors
        if isinstance(error, (typer.Exit, typer.Abort)) or type(error).__module__.startswith(("click", "typer")):
            raise
        if os.environ.get("WORKBENCH_DEBUG") == "1":
            raise
        _report_bug(error, as_json)


def command(function: Callable[P, R]) -> Callable[P, R]:
    """Decorator for a typer command that applies ``reported``, with JSON errors if ``as_json`` is set."""

    @functools.wraps(function)
    def reporting(*args: P.args, **kwargs: P.kwargs) -> R:
        with reported(bool(kwargs.get("as_json"))):
            return function(*args, **kwargs)
        raise AssertionError("reported() suppresses no exception")

    return reporting


def _report_bug(error: Exception, as_json: bool) -> NoReturn:
    what = f"{type(error).__name__}: {error}".splitlines()[0]
    log = _write_traceback()
    text = f"This is a bug in the workbench: {what}. The traceback is in {log}; WORKBENCH_DEBUG=1 prints it."
    if as_json:
        print_json({"error": {"message": text, "code": "bug", "details": {"log": str(log)}}})
    else:
        print(f"error: {text}", file=sys.stderr)
    raise typer.Exit(ExitCode.BUG)


def _write_traceback() -> Path:
    from workbench.settings import default_home

    entry = f"{datetime.now().astimezone().isoformat()} {sys.argv}\n{traceback.format_exc()}\n"
    logs = default_home() / "logs"
    try:
        log = logs / "cli.log"
        with log.open("a") as file:
            file.write(entry)
    except OSError:  # there is no home yet, or it is not writable
        with tempfile.NamedTemporaryFile("w", prefix="workbench-", suffix=".log", delete=False) as spare:
            spare.write(entry)
        return Path(spare.name)
    return log
