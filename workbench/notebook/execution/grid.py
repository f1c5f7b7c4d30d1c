"""Several executions beside each other: what completed before is not repeated, and one that fails ends no other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Protocol

from schemas.errors import WorkbenchError
from workbench.notebook.execution.recording import Recorder
from workbench.notebook.execution.run import Execution, Outcome, alone, execute, outcome
from workbench.settings import Settings


class Watcher(Protocol):
    """What shows executions while they run. Called from several threads."""

    def cell(self, execution: Execution, cell: int, of: int) -> None:
        """A cell starts."""

    def ended(self, outcome: Outcome) -> None:
        """An execution has ended, or was known."""


def run_all(
    executions: Sequence[Execution],
    settings: Settings,
    recorder: Recorder,
    watcher: Watcher,
    *,
    at_once: int = 1,
    resume: bool = True,
) -> list[Outcome]:
    """Run them, each in a process of its own; blocks. Returns what came of each, in their order.

    Ctrl-C ends those that run, leaves nothing half-written, and is raised again.

    Args:
        at_once: processes beside each other.
        resume: what completed in its folder before is taken from there.

    Raises WorkbenchError where none could be run at all: tracking.unreachable, home.*.
    """
    stop = threading.Event()

    def one(execution: Execution) -> Outcome:
        return _run_one(execution, settings, recorder, watcher.cell, stop, resume)

    with ThreadPoolExecutor(max_workers=at_once, thread_name_prefix="execution") as pool:
        futures = {pool.submit(one, execution): execution for execution in executions}
        try:
            for future in as_completed(futures):
                watcher.ended(future.result())
        except BaseException:
            stop.set()
            for future in futures:
                future.cancel()
            raise
    return [future.result() for future in futures]


def _run_one(
    execution: Execution,
    settings: Settings,
    recorder: Recorder,
    on_cell: Callable[[Execution, int, int], None],
    stop: threading.Event,
    resume: bool,
) -> Outcome:
    with alone(execution):
        if resume and (about := execution.done()) is not None:
            known = outcome(execution, about, about["run"], known=True)
            recorder.mend(known)
            return known
        run = recorder.begin(execution)
        try:
            found = execute(execution, settings, run, lambda cell, of: on_cell(execution, cell, of), stop)
        except WorkbenchError as error:
            recorder.stopped(run, error)
            if error.code != "notebook.crashed":
                raise
            crashed = {"name": error.code, "message": f"{error.message}: {error.seen}", "cell": None, **error.details}
            return Outcome(execution, "failed", run=run, error=crashed)
        recorder.end(found)
        return found
