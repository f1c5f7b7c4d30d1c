"""Downloads of models on a terminal: a bar for each model. Plain lines in a pipe."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class DownloadScreen:
    """Shows downloads on stderr; bars only on a terminal, and nothing at all if it is not visible."""

    def __init__(self, visible: bool = True) -> None:
        self._visible = visible
        self._bars: Progress | None = _bars() if visible and sys.stderr.isatty() else None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        if self._bars:
            self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bars:
            self._bars.stop()

    def begin(self, model: str, files: int, bytes_here: int, bytes_all: int | None) -> None:
        if self._bars:
            self._task = self._bars.add_task(model, total=bytes_all, completed=bytes_here)
            return
        kept = f", {_mb(bytes_here)} of them already here" if bytes_here else ""
        size = f", {_mb(bytes_all)}" if bytes_all else ""
        self.say(f"{model}: {files} {'file' if files == 1 else 'files'}{size}{kept}")

    def moved(self, model: str, bytes_here: int) -> None:
        if self._bars and self._task is not None:
            self._bars.update(self._task, completed=bytes_here)

    def file_done(self, model: str, path: str, sha256: str, was_public: bool) -> None:
        digest = "digest right" if was_public else f"no public digest, recorded {sha256[:12]}…"
        self.say(f"{model}/{path}: {digest}")

    def say(self, text: str) -> None:
        if self._bars:
            self._bars.console.print(text, markup=False, highlight=False)
        elif self._visible:
            print(text, file=sys.stderr, flush=True)


def _bars() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=16, complete_style="cyan", finished_style="green"),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(compact=True),
        console=Console(stderr=True),
        refresh_per_second=4,
    )


def _mb(size: int) -> str:
    from rich.filesize import decimal

    return decimal(size)
