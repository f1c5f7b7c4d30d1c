"""Several executions beside each other: what completed before is not repeated, and one that fails ends no other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any, Protocol

import structlog

from schemas.errors import WorkbenchError
from workbench.notebook.execution.recording import Recorder
from workbench.notebook.execution.run import Execution, Outcome, alone, execute, outcome
from workbench.settings import Settings
from workbench.store.tracking_api import TrackingUnavailable

log = structlog.get_logger(__name__)


class Watcher(Protocol):
    """What shows executions while they run. Called from several threads; what it raises ends no execution."""

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

    Raises WorkbenchError where none could be begun: tracking.unreachable, notebook.busy, home.*.
    """
    stop = threading.Event()

    def one(execution: Execution) -> Outcome:
        return _run_one(execution, settings, recorder, watcher, stop, resume)

    with ThreadPoolExecutor(max_workers=at_once, thread_name_prefix="execution") as pool:
        futures = {pool.submit(one, execution): execution for execution in executions}
        try:
            for future in as_completed(futures):
                _tell(watcher.ended, future.result())
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
    """What came of it, also where it was refused: that is no reason to end those beside it.

    Raises WorkbenchError where all are to end: it was stopped, or MLflow has never answered.
    """
    run: str | None = None
    begun = False
    try:
        with alone(execution):
            if resume and (about := execution.done()) is not None:
                known = outcome(execution, about, about["run"], known=True)
                recorder.mend(known)
                return known
            run = recorder.begin(execution, stop)
            begun = True
            found = execute(execution, settings, run, lambda *cell: _tell(watcher.cell, execution, *cell), stop)
            recorder.end(found)
            return found
    except WorkbenchError as error:
        recorder.give_up(run, error)
        if error.code == "notebook.stopped" or (isinstance(error, TrackingUnavailable) and not recorder.reached):
            raise
        return _failed(execution, run, error, begun)


def _failed(execution: Execution, run: str | None, error: WorkbenchError, begun: bool) -> Outcome:
    message = error.message if error.seen is None else f"{error.message}: {error.seen}"
    told = {"name": error.code, "message": message, "cell": None, **error.details}
    return Outcome(execution, "failed", run=run, error=told, refusal=None if begun else error)


def _tell(told: Callable[..., None], *what: Any) -> None:
    try:
        told(*what)
    except Exception:
        log.exception("an execution could not be shown")
