"""A running job on a terminal: a progress bar per node, and the remaining time. Plain lines in a pipe."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from schemas.event import Event, EventType, NodeWait
from schemas.job import JobRecord, NodeRecord
from schemas.live import LiveNode, LiveUpdate
from schemas.series import Series, sentence
from schemas.status import NodeStatus
from workbench.client.delivery.deliver import Delivery
from workbench.client.deployment import Deployment
from workbench.client.live.state import LiveJob
from workbench.terminal.questions import how_to_answer, this_program

_EVENT_MARKS = {
    EventType.NODE_COMPLETED: "✓",
    EventType.NODE_FAILED: "✗",
    EventType.NODE_SKIPPED: "–",
    EventType.NODE_CANCELLED: "■",
    EventType.NODE_RETRYING: "↻",
    EventType.NODE_LOST: "↻",
    EventType.NODE_RUNNING: "…",
    EventType.NODE_WAITING: "◦",
    EventType.NODE_DECIDED: "•",
    EventType.NODE_READY: "◦",
}
_MARKS = {
    NodeStatus.COMPLETED: "[green]✓[/]",
    NodeStatus.FAILED: "[red]✗[/]",
    NodeStatus.SKIPPED: "[dim]–[/]",
    NodeStatus.CANCELLED: "[yellow]■[/]",
    NodeStatus.RUNNING: "[cyan]…[/]",
    NodeStatus.WAITING: "[yellow]◦[/]",
}


SERIES_EVERY_S = 10.0  # lines about metrics over steps, in a pipe


class Follower:
    """Shows a job's progress until its last event."""

    def __init__(self, deployment: Deployment, job: str, *, visible: bool) -> None:
        self.deployment = deployment
        self.job = job
        self.record = deployment.job(job)
        self.live = LiveJob(self.record, deployment.expectation(self.record))
        self._asked: dict[str, tuple[int, int]] = {}  # node -> number of the event whose question was shown
        self._series_at: dict[str, float] = {}  # node -> when a line told of its metrics over steps
        self.visible = visible
        self._first_frame_shown = False
        self._interrupted = threading.Event()
        self.screen = _Screen(self.record) if visible and sys.stderr.isatty() else None

    def __enter__(self) -> Follower:
        # Ctrl-C takes effect between updates, because a library could swallow an exception in the middle of a call.
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
                f"\nThe job continues: `workbench job watch {self.job}`, `workbench job cancel {self.job}`.",
                file=sys.stderr,
            )

    def follow(self, keep: Callable[[JobRecord], Delivery | None], result: tuple[str, str] | None) -> Delivery | None:
        """Watch until the end. Calls ``keep`` as soon as the video exists, before the last nodes of the job run."""
        video: Delivery | None = None
        for update in self.deployment.watch(self.job):
            if self._interrupted.is_set():
                raise KeyboardInterrupt
            for event in update.events:
                before = self.live.fold.nodes.get(event.node)
                self.live.see(event)
                if not (before and before.between_parts and event.type is EventType.NODE_RUNNING):
                    self._show_event(event)
                if result and event.node == result[0] and event.type is EventType.NODE_COMPLETED and video is None:
                    video = keep(_with_output(self.record, event))
                    if video is not None:
                        self._print(f"video: {video.path}")
            self._show_questions()
            self.live.report(update.progress, update.parts)
            self.live.bus_away = update.bus_away
            if self.screen:
                self.screen.show(self.live.state(), self.live.fold.nodes)
        return video

    def _show_questions(self) -> None:
        """Show each open question once. A job that is watched late may already have its answers."""
        for name, node in self.live.fold.nodes.items():
            number = node.epoch, node.seq
            if node.wait and node.wait.question and self._asked.get(name) != number:
                self._asked[name] = number
                self._print(how_to_answer(self.job, node.wait.question))

    def _show_event(self, event: Event) -> None:
        """Print a line for the event; on a screen only for events that the bars do not show."""
        if event.type is EventType.NODE_FIRST_PART and event.data.get("kind") == "video":
            self._show_first_frame()
        if event.type in (EventType.NODE_SERIES, EventType.NODE_COMPLETED, EventType.NODE_FAILED) and not self.screen:
            self._show_series(event)
        if event.type not in _EVENT_MARKS or (self.screen and event.type not in _BESIDE_BARS):
            return
        if self.live.fold.nodes[event.node].between_parts:
            return  # it goes on by itself
        what = event.type.removeprefix("node.")
        self._print(f"{_EVENT_MARKS[event.type]} {event.node} {what} {_remark(event)}".rstrip())

    def _show_series(self, event: Event) -> None:
        """Tell the state of a node's metrics over steps: now and then, and at its end."""
        series = self.live.fold.nodes[event.node].series
        now = time.monotonic()
        if not series or event.data.get("cached"):
            return
        if event.type is EventType.NODE_SERIES and now - self._series_at.get(event.node, 0.0) < SERIES_EVERY_S:
            return
        self._series_at[event.node] = now
        self._print(f"… {event.node} {_series_note(series)}")

    def _show_first_frame(self) -> None:
        """Say once that the video can be watched while it is made."""
        seconds = self.live.state().first_frame_seconds
        if seconds is None or self._first_frame_shown:
            return
        self._first_frame_shown = True
        settings = self.deployment.settings
        watch = f": {this_program()} open {self.job}" if settings.app_url and settings.app_token else ""
        self._print(f"▶ first frame after {seconds:.1f} s{watch}")

    def _print(self, text: str) -> None:
        if self.screen:
            self.screen.print(text)
        elif self.visible:
            print(text, file=sys.stderr, flush=True)


_BESIDE_BARS = frozenset({EventType.NODE_LOST, EventType.NODE_DECIDED, EventType.NODE_READY})


def _remark(event: Event) -> str:
    seconds = event.data.get("seconds")
    match event.type:
        case EventType.NODE_DECIDED:
            return f"by {event.data['author']}: {'approved' if event.data['approved'] else 'rejected'}"
        case EventType.NODE_WAITING:
            return f"({NodeWait.model_validate(event.data).sentence()})"
        case EventType.NODE_READY:
            return "(a worker provides its service now)"
        case EventType.NODE_LOST:
            return "(its bytes were lost; it runs again)"
    return "cached" if event.data.get("cached") else f"{seconds:.2f} s" if seconds is not None else ""


class _Screen:
    """A bar for each node and one for the whole job. Names and messages are never interpreted as rich markup."""

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
        self._tasks: dict[str, Any] = {
            node.id: self._bars.add_task(escape(node.name or node.id), total=1.0, mark=" ", note="")
            for node in record.graph.nodes
        }
        self._whole = self._bars.add_task("[bold]job", total=1.0, mark=" ", note="")

    def start(self) -> None:
        self._bars.start()

    def stop(self) -> None:
        self._bars.stop()

    def print(self, text: str) -> None:
        self._bars.console.print(text, markup=False, highlight=False)

    def show(self, job: LiveUpdate, records: Mapping[str, NodeRecord]) -> None:
        for name, task in self._tasks.items():
            node = job.nodes[name]
            done = 1.0 if node.status is NodeStatus.SKIPPED else node.fraction
            self._bars.update(task, completed=done, mark=_mark(node), note=_note(node, records[name].series))
        left = f"{job.seconds_left:.0f} s left" if job.seconds_left is not None else ""
        note = "the bus is unreachable; waiting" if job.bus_away else job.status.value if job.status.final else left
        self._bars.update(self._whole, completed=1.0 if job.status.final else job.progress, note=note)


def _mark(node: LiveNode) -> str:
    return _MARKS.get(node.status, "[yellow]↻[/]" if node.error else " ")


def _series_note(series: Series) -> str:
    return "; ".join(sentence(name, points) for name, points in series.items())


def _note(node: LiveNode, series: Series) -> str:
    if node.error:
        return node.error.message[:80]
    match node.status:
        case NodeStatus.COMPLETED:
            return "cached" if node.cached else f"{node.seconds or 0:.1f} s"
        case NodeStatus.WAITING:
            return f"waiting: {node.waiting}"
        case NodeStatus.RUNNING:
            first = next(iter(series.items()), None)  # a bar has room for one
            return " · ".join(filter(None, (node.done_sentence(), first and sentence(*first))))
        case NodeStatus.SKIPPED | NodeStatus.CANCELLED:
            return node.status.value
    return ""


def _with_output(record: JobRecord, event: Event) -> JobRecord:
    nodes = [
        node.model_copy(update={"output": event.data["output"]}) if node.id == event.node else node
        for node in record.nodes
    ]
    return record.model_copy(update={"nodes": nodes})
