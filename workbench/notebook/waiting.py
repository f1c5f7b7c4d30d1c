"""Shows the progress of a job in the output of the cell that waits for it, where no view shows it live."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any

from schemas.live import LiveNode, LiveUpdate
from schemas.status import NodeStatus
from workbench.client.deployment import Deployment
from workbench.client.live.state import LiveJob
from workbench.client.watch import Update
from workbench.notebook.display import in_a_kernel, shown_live
from workbench.store.job_times import times_of

APPEARS_S = 2.0  # a view that was just created connects in less
EVERY_S = 1.0


class WaitingLine:
    """One line of text below the running cell, rewritten once a second.

    It appears if the cell waits for more than two seconds and no page shows the job live: the job was not displayed, a
    program executes the notebook, or the frontend cannot send messages to a busy kernel. Outside of a kernel there is
    no line.
    """

    def __init__(self, deployment: Deployment, job: str) -> None:
        self._deployment, self._job = deployment, job
        self._visible = in_a_kernel()
        self._live: LiveJob | None = None  # None until the line appears
        self._names: dict[str, str] = {}  # of nodes by id
        self._due = time.monotonic() + APPEARS_S
        self._place: Any = None  # IPython's handle of the displayed line

    def __enter__(self) -> WaitingLine:
        return self

    def see(self, update: Update) -> None:
        """Apply an update of the job and show it."""
        if not self._visible:
            return
        if self._live is not None:
            for event in update.events:
                self._live.see(event)
        if time.monotonic() < self._due:
            return
        if self._live is None:
            self._due = time.monotonic() + EVERY_S
            if shown_live(self._job):
                return
            record = self._deployment.job(self._job)  # contains the events so far
            self._live = LiveJob(record, self._deployment.expectation(record))
            self._names = {node.id: node.name or node.id for node in record.graph.nodes}
        self._live.report(update.progress, update.parts)
        self._live.bus_away = update.bus_away
        self._write(f"Job {self._job}: {_words(self._live.state(), self._names)}")
        self._due = time.monotonic() + EVERY_S

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is KeyboardInterrupt:
            again = f'wb.job("{self._job}")'
            said = f"Job {self._job} continues: {again}.wait() waits for it again, {again}.cancel() stops it."
            if self._visible:
                self._write(said)
            else:
                print(said, file=sys.stderr)
        elif self._place is not None:
            record = self._deployment.job(self._job)
            took = f" after {times.total_s:.0f} s" if (times := times_of(record)) else ""
            self._write(f"Job {self._job}: {record.status.value}{took}")

    def _write(self, said: str) -> None:
        from IPython.display import display

        shown = {"text/plain": said}
        if self._place is None:
            self._place = display(shown, raw=True, display_id=True)
        else:
            self._place.update(shown, raw=True)


def _words(job: LiveUpdate, names: dict[str, str]) -> str:
    """The state of a running job as one line."""
    if job.bus_away:
        return "the bus is unreachable; waiting"
    parts = [f"{job.progress:.0%}".replace("%", " %")]
    if job.seconds_left:
        parts.append(f"about {job.seconds_left:.0f} s left")
    parts += [_step(names[name], node) for name, node in job.nodes.items() if node.status is NodeStatus.RUNNING]
    if job.waiting:
        parts.append(f"waiting: {job.waiting}")
    return ", ".join(parts)


def _step(name: str, node: LiveNode) -> str:
    return f"{name} {done}" if (done := node.done_sentence()) else name
