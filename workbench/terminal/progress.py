"""A job on a terminal while it runs: a line per node with its bar, and the time that is left. Plain lines in a pipe."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from schemas.event import Event, EventType, NodeWait, Progress
from schemas.job import JobRecord
from workbench.client.bench import Bench
from workbench.client.estimate import Estimate
from workbench.terminal.questions import how_to_answer, open_questions

_MARKS = {
    EventType.NODE_COMPLETED: ("✓", "green"),
    EventType.NODE_FAILED: ("✗", "red"),
    EventType.NODE_SKIPPED: ("–", "dim"),
    EventType.NODE_CANCELLED: ("■", "yellow"),
    EventType.NODE_RETRYING: ("↻", "yellow"),
    EventType.NODE_LOST: ("↻", "yellow"),
    EventType.NODE_RUNNING: ("…", "cyan"),
    EventType.NODE_WAITING: ("◦", "yellow"),
    EventType.NODE_DECIDED: ("•", "cyan"),
}


class Follower:
    """Shows a job's progress until its last event."""

    def __init__(self, bench: Bench, job: str, *, visible: bool) -> None:
        self.bench = bench
        self.job = job
        self.record = bench.job(job)
        self.estimate = Estimate.of(self.record, bench.typical_seconds(self.record))
        self.visible = visible
        self._interrupted = threading.Event()
        self.screen = _Screen(self.record) if visible and sys.stderr.isatty() else None

    def __enter__(self) -> Follower:
        # Ctrl-C is looked at between updates: an exception thrown into the middle of a library call may be lost in it.
        self._before = signal.signal(signal.SIGINT, lambda *_: self._interrupted.set())
        if self.screen:
            self.screen.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.signal(signal.SIGINT, self._before)
        if self.screen:
            self.screen.stop()
        if kind is KeyboardInterrupt:
            print(
                f"\nThe job goes on: `workbench job watch {self.job}`, `workbench job cancel {self.job}`.",
                file=sys.stderr,
            )

    def follow(self, keep: Callable[[JobRecord], Path | None], result: tuple[str, str] | None) -> Path | None:
        """Watch to the end; ``keep`` is called as soon as the video is there, before the job's last nodes ran."""
        video: Path | None = None
        for update in self.bench.watch(self.job):
            if self._interrupted.is_set():
                raise KeyboardInterrupt
            for event in update.events:
                self.estimate.see(event)
                self._show(event)
                if result and event.node == result[0] and event.type is EventType.NODE_COMPLETED and video is None:
                    video = keep(_with_output(self.record, event))
                    self._say(f"video: {video}")
            for question in open_questions(update.events):
                self._say(how_to_answer(self.job, question))
            for progress in update.progress.values():
                self.estimate.progress(progress)
                if self.screen:
                    self.screen.progress(progress)
            if self.screen:
                self.screen.left(self.estimate.seconds_left(), self.estimate.fraction(), update.bus_away)
        return video

    def _show(self, event: Event) -> None:
        if self.screen:
            self.screen.event(event)
        elif self.visible and event.node and event.type in _MARKS:
            seconds = event.data.get("seconds")
            cost = "cached" if event.data.get("cached") else f"{seconds:.2f} s" if seconds is not None else ""
            if event.type is EventType.NODE_DECIDED:
                cost = f"by {event.data['author']}: {'approved' if event.data['approved'] else 'rejected'}"
            if event.type is EventType.NODE_WAITING:
                cost = f"({NodeWait.model_validate(event.data).sentence()})"
            self._say(f"{_MARKS[event.type][0]} {event.node} {event.type.removeprefix('node.')} {cost}".rstrip())

    def _say(self, text: str) -> None:
        if self.screen:
            self.screen.say(text)
        elif self.visible:
            print(text, file=sys.stderr, flush=True)


class _Screen:
    """A bar for each node and one for the whole job. Names and messages are texts, not rich's markup."""

    def __init__(self, record: JobRecord) -> None:
        from rich.console import Console
        from rich.markup import escape
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bars

        self._bars = Bars(
            TextColumn("{task.fields[mark]}"),
            TextColumn("{task.description}", justify="left"),
            BarColumn(bar_width=28, complete_style="cyan", finished_style="green"),
            TextColumn("{task.fields[note]}", style="dim", markup=False),
            console=Console(stderr=True),
            transient=False,
            refresh_per_second=8,
        )
        self._started: dict[str, float] = {}
        self._ended: set[str] = set()  # a last progress may come behind the end of its node
        self._tasks: dict[str, Any] = {
            node.id: self._bars.add_task(escape(node.name or node.id), total=1.0, mark=" ", note="")
            for node in record.graph.nodes
        }
        self._whole = self._bars.add_task("[bold]job", total=1.0, mark=" ", note="")

    def start(self) -> None:
        self._bars.start()

    def stop(self) -> None:
        self._bars.stop()

    def say(self, text: str) -> None:
        self._bars.console.print(text, markup=False, highlight=False)

    def event(self, event: Event) -> None:
        if event.type in (EventType.JOB_COMPLETED, EventType.JOB_FAILED, EventType.JOB_CANCELLED):
            self._bars.update(self._whole, completed=1.0, note=event.type.removeprefix("job."))
        if event.node not in self._tasks or event.type not in _MARKS:
            return
        mark, style = _MARKS[event.type]
        fields: dict[str, Any] = {"mark": f"[{style}]{mark}[/]"}
        if event.type is EventType.NODE_RUNNING:
            self._ended.discard(event.node)
            self._started[event.node] = time.monotonic()
        elif event.type is EventType.NODE_COMPLETED:
            fields |= {
                "completed": 1.0,
                "note": "cached" if event.data.get("cached") else f"{event.data['seconds']:.1f} s",
            }
        elif event.type is EventType.NODE_SKIPPED:
            fields |= {"completed": 1.0, "note": "skipped"}
        elif event.type is EventType.NODE_WAITING:
            fields |= {"note": f"waits: {NodeWait.model_validate(event.data).sentence()}"}
        elif event.type is EventType.NODE_DECIDED:
            fields |= {"note": f"{'approved' if event.data['approved'] else 'rejected'} by {event.data['author']}"}
        elif event.type is EventType.NODE_LOST:
            fields |= {"completed": 0.0, "note": "its bytes were lost; made again"}
        else:
            message = event.data.get("error", {}).get("message", event.type.removeprefix("node."))
            fields |= {"note": message[:80]}
        if event.type is not EventType.NODE_RUNNING:
            self._ended.add(event.node)
        self._bars.update(self._tasks[event.node], **fields)

    def progress(self, progress: Progress) -> None:
        task = self._tasks.get(progress.node)
        if task is not None and progress.node in self._started and progress.node not in self._ended:
            text = f"{progress.done:.0f}/{progress.total:.0f} {progress.unit}"
            self._bars.update(task, completed=progress.fraction, note=text)

    def left(self, seconds: float | None, fraction: float, bus_away: bool) -> None:
        if not self._bars.finished:
            text = "the bus is away; waiting" if bus_away else f"{seconds:.0f} s left" if seconds is not None else ""
            if fraction < 1.0:
                self._bars.update(self._whole, completed=fraction, note=text)


def _with_output(record: JobRecord, event: Event) -> JobRecord:
    nodes = [
        node.model_copy(update={"output": event.data["output"]}) if node.id == event.node else node
        for node in record.nodes
    ]
    return record.model_copy(update={"nodes": nodes})
