"""One execution: a process with papermill and a kernel, and what it leaves behind, whole or not at all."""

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
from workbench.notebook.within import EXPERIMENT, PARENT_RUN, kernel_environment
from workbench.settings import Settings
from workbench.store.files import written

KERNEL = "python3"
LOG_CHARACTERS = 4000


@dataclass(frozen=True)
class Execution:
    """A notebook with its values. The same cells, values, experiment and kernel have the same digest and files.

    Attributes:
        parameters: every value by name, as JSON.
        given: names of those that are not the notebook's own.
        folder: where its files go.
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
        """The executed notebook. It is there only when all of it ran."""
        return self.folder / f"{self.name}.ipynb"

    @property
    def failed_file(self) -> Path:
        """The executed notebook where a cell failed."""
        return self.folder / f"{self.name}.failed.ipynb"

    def done(self) -> dict[str, Any] | None:
        """What came of it where it completed before; else None."""
        try:
            about = orjson.loads(self.file.read_bytes())["metadata"]["workbench"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return about if about.get("digest") == self.digest and about.get("status") == "completed" else None


@dataclass
class Outcome:
    """What came of an execution."""

    execution: Execution
    status: str  # completed, failed, or known: completed before
    file: Path | None = None
    html: Path | None = None
    run: str | None = None
    jobs: list[str] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    error: dict[str, Any] | None = None
    refusal: WorkbenchError | None = None  # why it was not begun
    unrecorded: str = ""  # why MLflow does not have all of it


def prepare(
    parameters: Parameters, given: Mapping[str, Any], folder: Path, experiment: str, kernel: str = ""
) -> Execution:
    """An execution whose values are checked. Starts nothing. Raises WorkbenchError (notebook.bad_parameter).

    Args:
        kernel: its name; "": the one the notebook names.
    """
    values = parameters.checked(given)
    named = (parameters.document.get("metadata") or {}).get("kernelspec") or {}
    kernel = kernel or named.get("name") or KERNEL
    names = tuple(dict.fromkeys(name.split(".")[0] for name in given))
    digest = digest_of(parameters.document, values, experiment, kernel)
    return Execution(parameters.notebook.resolve(), values, names, digest, folder, experiment, kernel)


def digest_of(document: Mapping[str, Any], values: Mapping[str, Any], experiment: str, kernel: str) -> str:
    """SHA-256 over what the cells say, the values, and where it is recorded and run.

    Outputs and how a notebook was left open do not count. The experiment does: an execution that was recorded in one
    is not known in another, and the files of both stand side by side.
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

    The files appear under their names when they are whole: the page first, then the notebook. Where it failed, those of
    an earlier execution that completed are removed: the last one is what counts.

    Args:
        run_id: the MLflow run that jobs started in it belong to.
        on_cell: called with the cell that starts and how many there are.
        stop: set: the process and its kernel are ended. Jobs it started go on.

    Raises WorkbenchError: notebook.crashed where the process died, notebook.stopped, home.*.
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
            "parameters": {name: execution.parameters[name] for name in execution.given},
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
        try:
            result = _follow(task, _environment(execution, settings, run_id), work / "log", on_cell, stop)
        except WorkbenchError as error:
            if error.code == "notebook.crashed":
                _remove(execution.file)
            raise
        file, stale = execution.file, execution.failed_file
        if result["error"]:
            file, stale = stale, file
        with written(execution.folder):
            _remove(stale)  # first: one that is killed in between leaves neither, and is run again
            (work / "notebook.html").replace(file.with_suffix(".html"))
            (work / "notebook.ipynb").replace(file)
    return outcome(execution, result, run_id)


def _remove(file: Path) -> None:
    """A notebook and its page."""
    for path in (file, file.with_suffix(".html")):
        path.unlink(missing_ok=True)


def stopped(notebook: Path) -> WorkbenchError:
    """What is raised where an execution was to end before its end."""
    return WorkbenchError(
        "notebook.stopped",
        f"{notebook.stem} was stopped",
        where=str(notebook),
        remedy="The same command with --resume runs it again.",
    )


def outcome(execution: Execution, about: Mapping[str, Any], run_id: str | None, *, known: bool = False) -> Outcome:
    """From what the executed notebook says of itself."""
    file = execution.failed_file if about["error"] else execution.file
    return Outcome(
        execution,
        "known" if known else about["status"],
        file,
        file.with_suffix(".html"),
        run_id,
        list(about["jobs"]),
        dict(about["figures"]),
        about["ended"] - about["began"],
        about["error"],
    )


@contextmanager
def alone(execution: Execution) -> Iterator[None]:
    """Nobody else runs the same into the same folder. The lock goes with the process that holds it.

    Raises WorkbenchError (notebook.busy).
    """
    place = execution.folder / f".{execution.name}.lock"
    with written(execution.folder):
        execution.folder.mkdir(parents=True, exist_ok=True)
        file = place.open("w")
    with file:
        # Its holder may have removed it just now: then it is not the file that others lock.
        if not lock(file, wait=False) or not place.exists() or os.fstat(file.fileno()).st_ino != place.stat().st_ino:
            raise WorkbenchError(
                "notebook.busy",
                f"{execution.name} is being run by another process",
                where=str(execution.folder),
                remedy="Wait for it, or give another folder with --out.",
            )
        try:
            for left in execution.folder.glob(f".{execution.name}.*/"):  # of one that was killed
                shutil.rmtree(left, ignore_errors=True)
            yield
        finally:
            place.unlink(missing_ok=True)


def _environment(execution: Execution, settings: Settings, run_id: str | None) -> dict[str, str]:
    return {
        **kernel_environment(settings.home),
        EXPERIMENT: execution.experiment,
        PARENT_RUN: run_id or "",
    }


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
            start_new_session=True,  # Ctrl-C is ours to handle
        )
    assert process.stdin is not None and process.stdout is not None
    lifeline: IO[bytes] = process.stdin
    ended = threading.Event()
    watcher = threading.Thread(target=_end_when_told, args=(stop, ended, lifeline), daemon=True)
    result: dict[str, Any] | None = None
    try:
        with contextlib.suppress(BrokenPipeError):  # it died at once: its log says why
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
        "the process that ran the notebook died",
        where=task["notebook"],
        seen=f"exit code {process.returncode}",
        remedy="Its last output is below; the kernel may have run out of memory.",
        log=log.read_text(errors="replace")[-LOG_CHARACTERS:],
    )


def _end_when_told(stop: threading.Event, ended: threading.Event, lifeline: IO[bytes]) -> None:
    while not ended.wait(0.1):
        if stop.is_set():
            lifeline.close()
            return
