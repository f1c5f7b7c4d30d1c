"""``workbench notebook …``: executes parameterised notebooks, each as a recorded run."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from schemas.errors import WorkbenchError
from workbench.cli.output import ExitCode, Json, command, print_json, print_table
from workbench.cli.run import connect

if TYPE_CHECKING:
    from workbench.notebook.execution.recording import Recorder
    from workbench.notebook.execution.run import Execution, Outcome
    from workbench.terminal.executions import ExecutionBars

Notebook = Annotated[Path, typer.Argument(help="An .ipynb file.")]
group = typer.Typer(name="notebook", no_args_is_help=True, help="Notebooks: parameters and execution.")
MAX_METRICS = 4  # side by side on a terminal
_PAIRED = ("-p", "--parameter")
_NAME = re.compile(r"[A-Za-z_]\w*(\.\w+)*")


class Pairs(TyperCommand):
    """Accepts ``-p name value`` for ``-p name=value``, because an option of typer takes only one word."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        joined: list[str] = []
        rest = list(args)
        while rest:
            word = rest.pop(0)
            joined.append(word)
            if word == "--":
                joined += rest
                break
            if word in _PAIRED and len(rest) > 1 and _NAME.fullmatch(rest[0]):
                joined.append(f"{rest.pop(0)}={rest.pop(0)}")
        return list(super().parse_args(ctx, joined))


@group.command(cls=Pairs)
@command
def run(
    notebook: Notebook,
    parameter: Annotated[
        list[str] | None, typer.Option("--parameter", "-p", help="name value, or name=value. Repeatable.")
    ] = None,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="Parameters in a YAML or JSON file.")] = None,
    grid: Annotated[
        list[str] | None, typer.Option(help="name=a,b,c: run each value. Repeatable: run all combinations.")
    ] = None,
    experiment: Annotated[str, typer.Option(help="MLflow experiment; default: the notebook's name.")] = "",
    jobs: Annotated[int, typer.Option("--jobs", min=1, max=64, help="Concurrent executions.")] = 1,
    kernel: Annotated[str, typer.Option(help="Kernel for the execution; default: the notebook's own.")] = "",
    out: Annotated[Path | None, typer.Option(help="Folder for executed notebooks; default: in the home.")] = None,
    resume: Annotated[
        bool | None, typer.Option("--resume/--fresh", help="Skip completed executions; default: yes in a grid.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Execute a notebook, or a grid of executions. Checks all parameters before any kernel starts.

    Exit code 1 if a notebook failed. The failed notebook is kept, with its error at the top.
    """
    from schemas.name import checked_name
    from workbench.notebook.execution.grid import run_all
    from workbench.notebook.execution.parameters import product, read_parameters
    from workbench.notebook.execution.recording import Recorder
    from workbench.notebook.execution.run import prepare
    from workbench.notebook.packages import EXECUTION, need, need_kernel
    from workbench.settings import default_home
    from workbench.terminal.executions import ExecutionBars

    parameters = read_parameters(notebook)
    given: dict[str, Any] = {**_from_file(file), **_from_words(parameter or [], "--parameter")}
    axes = {name: value.text for name, value in _from_words(grid or [], "--grid").items()}
    folder = out.expanduser().absolute() if out else default_home() / "notebooks" / notebook.stem
    named = checked_name(experiment or notebook.stem, "--experiment")
    executions = [prepare(parameters, {**given, **values}, folder, named, kernel) for values in product(axes)]
    executions = list({one.digest: one for one in executions}.values())
    need("executing a notebook", EXECUTION)
    need_kernel(executions[0].kernel, str(notebook))

    deployment = connect(start=True, quiet=as_json)
    recorder = Recorder(deployment)
    with ExecutionBars(len(executions), visible=not as_json) as bars:
        outcomes = run_all(
            executions,
            deployment.settings,
            recorder,
            _Display(bars),
            at_once=jobs,
            resume=bool(axes) if resume is None else resume,
        )
    if as_json:
        print_json({"executions": [_view(one, recorder) for one in outcomes]})
    else:
        _report(outcomes, recorder, list(axes))
    if any(one.status == "failed" for one in outcomes):
        raise typer.Exit(ExitCode.FAILED)


@group.command("list")
@command
def list_(
    folder: Annotated[Path | None, typer.Argument(help="Folder of notebooks; default: the workbench's own.")] = None,
    as_json: Json = False,
) -> None:
    """List notebooks with their titles and parameters."""
    from workbench.client.examples import NOTEBOOKS

    rows = [_row(path) for path in sorted((folder or NOTEBOOKS).glob("*.ipynb"))]
    if as_json:
        print_json({"notebooks": rows})
    else:
        table = [
            (Path(row["notebook"]).name, row["title"], row["error"] or ", ".join(row["parameters"])) for row in rows
        ]
        print_table(("notebook", "title", "parameters"), table)


def _row(path: Path) -> dict[str, Any]:
    """A row of the list. A notebook that cannot be read has the error in its row."""
    from workbench.notebook.execution.parameters import read_parameters

    try:
        one = read_parameters(path)
    except WorkbenchError as error:
        problem = f"{error.code}: {error.message}"
        return {"notebook": str(path), "title": "", "parameters": [], "error": problem}
    return {"notebook": str(path), "title": one.title, "parameters": list(one.names), "error": None}


@group.command()
@command
def show(notebook: Notebook, as_json: Json = False) -> None:
    """Show the parameters of a notebook: names, defaults, allowed values."""
    from workbench.notebook.execution.parameters import read_parameters

    parameters = read_parameters(notebook)
    rows = parameters.rows()
    if as_json:
        print_json({"notebook": str(notebook), "mirrors": parameters.cell.mirrors, "parameters": rows})
    elif rows:
        print_table(tuple(rows[0]), [tuple(row.values()) for row in rows])
    else:
        print(f"{notebook.name} has no parameters, because none of its cells has the tag `parameters`.")


class _Display:
    """Shows the progress of executions as bars."""

    def __init__(self, bars: ExecutionBars) -> None:
        self._bars = bars

    def cell(self, execution: Execution, cell: int, of: int) -> None:
        self._bars.cell(execution.name, cell, of)

    def ended(self, outcome: Outcome) -> None:
        note = f"in {outcome.seconds:.1f} s" if outcome.status == "completed" else ""
        if outcome.error:
            note = f"{outcome.error['name']}: {outcome.error['message']}".splitlines()[0][:200]
        self._bars.ended(outcome.execution.name, outcome.status, note)


def _from_file(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    import yaml

    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _bad("the parameter file cannot be read", "--file", f"{path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise _bad("the parameter file is not valid YAML", str(path), str(error).splitlines()[0]) from None
    if found is None:
        return {}
    if not isinstance(found, Mapping) or not all(isinstance(name, str) for name in found):
        raise _bad("the parameter file is not a mapping of names to values", str(path), type(found).__name__)
    return dict(found)


def _from_words(words: list[str], option: str) -> dict[str, Any]:
    from workbench.notebook.execution.parameters import TextValue

    found: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not _NAME.fullmatch(name.strip()):
            raise _bad("this option is not of the form name=value", option, word)
        found[name.strip()] = TextValue(text)
    return found


def _bad(message: str, where: str, seen: str) -> Exception:

    return WorkbenchError(
        "notebook.bad_parameter",
        message,
        where=where,
        seen=seen,
        allowed="-p name value, -f file.yaml with `name: value`, --grid name=a,b,c",
        remedy="Correct the parameters.",
    )


def _view(outcome: Outcome, recorder: Recorder) -> dict[str, Any]:
    return {
        "name": outcome.execution.name,
        "status": outcome.status,
        "parameters": outcome.execution.parameters,
        "notebook": str(outcome.file) if outcome.file else None,
        "html": str(outcome.html) if outcome.html else None,
        "mlflowRun": recorder.url(outcome.run),
        "jobs": outcome.jobs,
        "metrics": outcome.metrics,
        "seconds": round(outcome.seconds, 3),
        "error": outcome.error,
        "unrecorded": outcome.unrecorded or None,
    }


def _report(outcomes: list[Outcome], recorder: Recorder, axes: list[str]) -> None:
    from workbench.client.mlflow_access import NO_ADDRESS

    if len(outcomes) == 1:
        [one] = outcomes
        print(f"notebook: {one.file or 'none, because its process died'}\npage:     {one.html or ''}".rstrip())
        if one.run:
            print(f"MLflow:   {recorder.url(one.run) or NO_ADDRESS}")
        if one.error and one.error.get("log"):
            print(one.error["log"])
    else:
        metrics = list(dict.fromkeys(name for one in outcomes for name in one.metrics))
        narrow = sys.stdout.isatty()
        if narrow:  # only what differs; the files, --json and MLflow have all of it
            metrics = [name for name in metrics if len({one.metrics.get(name) for one in outcomes}) > 1][:MAX_METRICS]
        rows = [
            (
                *(_at(one.execution.parameters, name) for name in axes),
                one.status,
                *(f"{one.metrics[name]:.4g}" if name in one.metrics else "" for name in metrics),
                *(() if narrow else (one.file,)),
            )
            for one in outcomes
        ]
        columns = [*(_short(axes) if narrow else axes), "status", *(_short(metrics) if narrow else metrics)]
        print_table([*columns, *(() if narrow else ("notebook",))], rows, {"failed": "red", "cached": "dim"})
        if narrow:
            print(f"notebooks: {outcomes[0].execution.folder}")
        if outcomes[0].run:
            print(f"MLflow:    {recorder.url(outcomes[0].run) or NO_ADDRESS} and the runs beside it")
    for one in outcomes:
        if one.unrecorded:
            print(
                f"not recorded in MLflow: {one.execution.name}: {one.unrecorded}; "
                "run the same command with --resume to record it"
            )


def _short(names: list[str]) -> list[str]:
    """``params.animate.sway`` as ``sway``, if no other name ends with it."""
    last = [name.rpartition(".")[2] for name in names]
    return [short if last.count(short) == 1 else name for name, short in zip(names, last, strict=True)]


def _at(values: Any, name: str) -> Any:
    for step in name.split("."):
        values = values.get(step) if isinstance(values, Mapping) else None
    return values
