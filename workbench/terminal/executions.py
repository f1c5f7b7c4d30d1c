"""Executions of notebooks on a terminal: a bar for each running one. Plain lines in a pipe.

Names and errors of notebooks may contain brackets, so they are never interpreted as rich markup.
"""

from __future__ import annotations

import sys
import threading
from types import TracebackType
from typing import Any

MARKS = {"completed": ("✓", "green"), "failed": ("✗", "red"), "known": ("=", "dim")}


class ExecutionBars:
    """Shows running executions; nothing with ``visible=False``. Thread-safe."""

    def __init__(self, count: int, *, visible: bool) -> None:
        self.count = count
        self.visible = visible
        self._done = 0
        self._lock = threading.Lock()
        self._tasks: dict[str, Any] = {}
        self._bars = _bars() if visible and sys.stderr.isatty() else None

    def __enter__(self) -> ExecutionBars:
        if self._bars:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars:
            self._bars.stop()

    def cell(self, name: str, cell: int, of: int) -> None:
        """Show that a cell of the execution starts."""
        if not self._bars:
            return
        with self._lock:
            if name not in self._tasks:
                self._tasks[name] = self._bars.add_task(name, total=of, note="")
            self._bars.update(self._tasks[name], total=of, completed=cell, note=f"cell {cell + 1}/{of}")

    def ended(self, name: str, status: str, note: str) -> None:
        """Replace the bar of an execution that has ended by one line."""
        if not self.visible:
            return
        with self._lock:
            self._done += 1
            mark, style = MARKS[status]
            line = f"{name} {status} {note}".rstrip()
            if self._bars:
                if name in self._tasks:
                    self._bars.remove_task(self._tasks.pop(name))
                from rich.text import Text

                text = Text.assemble((mark, style), f" {self._done}/{self.count} {line}")
                self._bars.console.print(text, highlight=False)
            else:
                print(f"{mark} {self._done}/{self.count} {line}", file=sys.stderr, flush=True)


def _bars() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=28, complete_style="cyan", finished_style="green"),
        TextColumn("{task.fields[note]}", style="dim", markup=False),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
