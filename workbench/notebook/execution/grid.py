"""Runs several executions in parallel. Completed ones are not repeated, and a failed one does not stop the others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any, Protocol

import structlog

from schemas.errors import WorkbenchError
from workbench.notebook.execution.recording import Recorder
from workbench.notebook.execution.run import Execution, Outcome, exclusive, execute, outcome
from workbench.settings import Settings
from workbench.store.tracking_api import TrackingUnavailable

log = structlog.get_logger(__name__)


class Watcher(Protocol):
    """Displays executions while they run. Called from several threads; its exceptions do not stop an execution."""

    def cell(self, execution: Execution, cell: int, of: int) -> None:
        """A cell starts."""

    def ended(self, outcome: Outcome) -> None:
        """An execution has ended, or had already completed before."""


def run_all(
    executions: Sequence[Execution],
    settings: Settings,
    recorder: Recorder,
    watcher: Watcher,
    *,
    at_once: int = 1,
    resume: bool = True,
) -> list[Outcome]:
    """Run the executions, each in its own process. Blocks. Returns their outcomes in the same order.

    Ctrl-C stops the running ones, leaves no incomplete files, and is raised again.

    Args:
        at_once: number of parallel processes.
        resume: reuse executions that completed in their folder before.

    Raises WorkbenchError if none could start: tracking.unreachable, notebook.busy, home.*.
    """
    stop = threading.Event()

    def one(execution: Execution) -> Outcome:
        return _run_one(execution, settings, recorder, watcher, stop, resume)

    with ThreadPoolExecutor(max_workers=at_once, thread_name_prefix="execution") as pool:
        futures = {pool.submit(one, execution): execution for execution in executions}
        try:
            for future in as_completed(futures):
                _notify(watcher.ended, future.result())
        except BaseException:
            stop.set()
            for future in futures:
                future.cancel()
            raise
    outcomes = [future.result() for future in futures]
    begun = [one for one in outcomes if one.refusal is None]
    if outcomes and not begun and outcomes[0].refusal is not None:
        raise outcomes[0].refusal
    return outcomes


def _run_one(
    execution: Execution,
    settings: Settings,
    recorder: Recorder,
    watcher: Watcher,
    stop: threading.Event,
    resume: bool,
) -> Outcome:
    """The outcome of one execution, even if it was refused, because the others should continue.

    Raises WorkbenchError if all must stop: after a stop request, or if MLflow has never responded.
    """
    run: str | None = None
    begun = False
    try:
        with exclusive(execution):
            if resume and (about := execution.done()) is not None:
                known = outcome(execution, about, about["run"], known=True)
                recorder.finish_open_run(known)
                return known
            run = recorder.begin(execution, stop)
            begun = True
            found = execute(execution, settings, run, lambda *cell: _notify(watcher.cell, execution, *cell), stop)
            recorder.end(found)
            return found
    except WorkbenchError as error:
        recorder.abandon(run, error)
        if error.code == "notebook.stopped" or (isinstance(error, TrackingUnavailable) and not recorder.reached):
            raise
        return _failed(execution, run, error, begun)


def _failed(execution: Execution, run: str | None, error: WorkbenchError, begun: bool) -> Outcome:
    message = error.message if error.seen is None else f"{error.message}: {error.seen}"
    info = {"name": error.code, "message": message, "cell": None, **error.details}
    return Outcome(execution, "failed", run=run, error=info, refusal=None if begun else error)


def _notify(callback: Callable[..., None], *what: Any) -> None:
    try:
        callback(*what)
    except Exception:
        log.exception("an execution could not be displayed")
