"""Runs one execution: a process with papermill and a kernel. Its files appear completely or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import orjson

from schemas.errors import WorkbenchError
from workbench.host import lock, python_module
from workbench.notebook.execution.parameters import Parameters
from workbench.notebook.execution_context import EXPERIMENT, PARENT_RUN, kernel_environment
from workbench.settings import Settings
from workbench.store.files import written

KERNEL = "python3"
LOG_CHARACTERS = 4000


@dataclass(frozen=True)
class Execution:
    """A notebook with its values. Equal cells, values, experiment and kernel give an equal digest and equal file names.

    Attributes:
        parameters: all values by name, as JSON.
        given: names of the values that differ from the notebook's defaults.
        folder: folder of its files.
    """

    notebook: Path
    parameters: dict[str, Any]
    given: tuple[str, ...]
    digest: str
    folder: Path
    experiment: str
    kernel: str = KERNEL

    @property
    def name(self) -> str:
        return f"{self.notebook.stem}-{self.digest[:12]}"

    @property
    def file(self) -> Path:
        """The executed notebook. It exists only if all cells ran."""
        return self.folder / f"{self.name}.ipynb"

    @property
    def failed_file(self) -> Path:
        """The executed notebook if a cell failed."""
        return self.folder / f"{self.name}.failed.ipynb"

    def done(self) -> dict[str, Any] | None:
        """The recorded result if it completed before, else None."""
        try:
            about = orjson.loads(self.file.read_bytes())["metadata"]["workbench"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return about if about.get("digest") == self.digest and about.get("status") == "completed" else None


@dataclass
class Outcome:
    """The outcome of an execution."""

    execution: Execution
    status: str  # completed, failed, or known if it completed before
    file: Path | None = None
    html: Path | None = None
    run: str | None = None
    jobs: list[str] = field(default_factory=list)
    metrics: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    error: dict[str, Any] | None = None
    refusal: WorkbenchError | None = None  # why it did not start
    unrecorded: str = ""  # why MLflow does not have all of it


def prepare(
    parameters: Parameters, given: Mapping[str, Any], folder: Path, experiment: str, kernel: str = ""
) -> Execution:
    """Create an execution with validated values. Starts nothing. Raises WorkbenchError (notebook.bad_parameter).

    Args:
        kernel: name of the kernel; "" for the one that the notebook names.
    """
    values = parameters.checked(given)
    named = (parameters.document.get("metadata") or {}).get("kernelspec") or {}
    kernel = kernel or named.get("name") or KERNEL
    names = tuple(dict.fromkeys(name.split(".")[0] for name in given))
    digest = digest_of(parameters.document, values, experiment, kernel)
    return Execution(parameters.notebook.resolve(), values, names, digest, folder, experiment, kernel)


def digest_of(document: Mapping[str, Any], values: Mapping[str, Any], experiment: str, kernel: str) -> str:
    """SHA-256 of the cells, the values, the experiment and the kernel.

    Outputs and the view state of a notebook do not count. The experiment does: an execution that was recorded in one
    experiment is not reused in another, and the files of both exist side by side.
    """
    cells = [
        [cell["cell_type"], "".join(cell["source"]), sorted((cell.get("metadata") or {}).get("tags", ()))]
        for cell in document["cells"]
    ]
    return hashlib.sha256(orjson.dumps([cells, values, experiment, kernel], option=orjson.OPT_SORT_KEYS)).hexdigest()


def execute(
    execution: Execution,
    settings: Settings,
    run_id: str | None,
    on_cell: Callable[[int, int], None],
    stop: threading.Event,
) -> Outcome:
    """Run the notebook to its end or its first error. Blocks.

    The files appear under their names when they are complete: first the page, then the notebook. If it fails, the files
    of an earlier completed execution are removed, because the last execution counts.

    Args:
        run_id: parent MLflow run of the jobs that start in it.
        on_cell: called with the index of the starting cell and the number of cells.
        stop: set to end the process and its kernel. Jobs that it started continue.

    Raises WorkbenchError: notebook.crashed if the process died, notebook.stopped, home.*.
    """
    with written(execution.folder):
        temporary = tempfile.TemporaryDirectory(dir=execution.folder, prefix=f".{execution.name}.")
    with temporary as name:
        work = Path(name)
        task = {
            "notebook": str(execution.notebook),
            "part": str(work / "notebook.ipynb"),
            "html": str(work / "notebook.html"),
            "notes": str(work / "notes"),
            "parameters": repr({name: execution.parameters[name] for name in execution.given}),  # JSON has no tuples
            "cwd": str(execution.notebook.parent),
            "kernel": execution.kernel,
            "title": execution.notebook.stem,
            "about": {
                "digest": execution.digest,
                "notebook": execution.notebook.name,
                "parameters": execution.parameters,
                "experiment": execution.experiment,
                "run": run_id,
            },
        }
        variables = {EXPERIMENT: execution.experiment, PARENT_RUN: run_id or ""}
        try:
            result = _follow(task, kernel_environment(settings.home) | variables, work / "log", on_cell, stop)
        except WorkbenchError as error:
            if error.code == "notebook.crashed":
                _remove(execution.file)
            raise
        file, stale = execution.file, execution.failed_file
        if result["error"]:
            file, stale = stale, file
        with written(execution.folder):
            _remove(stale)  # first, so that an execution killed in between leaves neither and runs again
            (work / "notebook.html").replace(file.with_suffix(".html"))
            (work / "notebook.ipynb").replace(file)
    return outcome(execution, result, run_id)


def _remove(file: Path) -> None:
    """Remove a notebook and its page."""
    for path in (file, file.with_suffix(".html")):
        path.unlink(missing_ok=True)


def stopped(notebook: Path) -> WorkbenchError:
    """The error for an execution that was stopped."""
    return WorkbenchError(
        "notebook.stopped",
        f"{notebook.stem} was stopped",
        where=str(notebook),
        remedy="Repeat the command with --resume to run it again.",
    )


def outcome(execution: Execution, about: Mapping[str, Any], run_id: str | None, *, known: bool = False) -> Outcome:
    """The outcome that an executed notebook records in its metadata."""
    file = execution.failed_file if about["error"] else execution.file
    return Outcome(
        execution,
        "cached" if known else about["status"],
        file,
        file.with_suffix(".html"),
        run_id,
        list(about["jobs"]),
        dict(about.get("metrics") or about.get("figures", {})),  # the second name is in notebooks of earlier versions
        about["ended"] - about["began"],
        about["error"],
    )


@contextmanager
def exclusive(execution: Execution) -> Iterator[None]:
    """Hold a lock so that no other process runs the same execution in the same folder. It ends with its process.

    Raises WorkbenchError (notebook.busy).
    """
    place = execution.folder / f".{execution.name}.lock"
    with written(execution.folder):
        execution.folder.mkdir(parents=True, exist_ok=True)
        file = place.open("w")
    with file:
        # The previous holder may just have removed it; then other processes lock a different file.
        if not lock(file, wait=False) or not place.exists() or os.fstat(file.fileno()).st_ino != place.stat().st_ino:
            raise WorkbenchError(
                "notebook.busy",
                f"another process is running {execution.name}",
                where=str(execution.folder),
                remedy="Wait for it, or choose another folder with --out.",
            )
        try:
            for left in execution.folder.glob(f".{execution.name}.*/"):  # left by a killed process
                shutil.rmtree(left, ignore_errors=True)
            yield
        finally:
            place.unlink(missing_ok=True)


def _follow(
    task: dict[str, Any],
    environment: dict[str, str],
    log: Path,
    on_cell: Callable[[int, int], None],
    stop: threading.Event,
) -> dict[str, Any]:
    with log.open("wb") as errors:
        process = subprocess.Popen(
            python_module("workbench.notebook.execution.child"),
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,  # this process handles Ctrl-C
        )
    assert process.stdin is not None and process.stdout is not None
    lifeline: IO[bytes] = process.stdin
    ended = threading.Event()
    watcher = threading.Thread(target=_end_when_stopped, args=(stop, ended, lifeline), daemon=True)
    result: dict[str, Any] | None = None
    try:
        with contextlib.suppress(BrokenPipeError):  # it died at once; its log contains the reason
            lifeline.write(orjson.dumps(task) + b"\n")
            lifeline.flush()
        watcher.start()
        for line in process.stdout:
            message = orjson.loads(line)
            result = message.get("result")
            if "cell" in message:
                on_cell(message["cell"], message["of"])
        process.wait()
    finally:
        ended.set()
        if watcher.ident is not None:
            watcher.join()
        with contextlib.suppress(BrokenPipeError):
            lifeline.close()
        process.wait()
        process.stdout.close()
    if result is not None and process.returncode == 0:
        return result
    if stop.is_set():
        raise stopped(Path(task["notebook"]))
    raise WorkbenchError(
        "notebook.crashed",
        "the process of the notebook died",
        where=task["notebook"],
        seen=f"exit code {process.returncode}",
        remedy="Its last output is below; the kernel may have run out of memory.",
        log=log.read_text(errors="replace")[-LOG_CHARACTERS:],
    )


def _end_when_stopped(stop: threading.Event, ended: threading.Event, lifeline: IO[bytes]) -> None:
    while not ended.wait(0.1):
        if stop.is_set():
            lifeline.close()
            return
