"""Encodes frames to h264 parts in a separate thread: libx264 releases the GIL, so painting and encoding overlap."""

from __future__ import annotations

import queue
import threading
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

from numpy.typing import NDArray

from nodes.generate._clips import ClipWriter

_AHEAD = 6  # frames that may wait for the encoder: enough to absorb jitter, few enough to save memory


class PartEncoder:
    """Encodes frames into parts. A context manager; leaving it discards an unfinished part.

    Each call raises any error of the thread.
    """

    def __init__(self, folder: Path, fps: Fraction, crf: int) -> None:
        self._folder, self._fps, self._crf = folder, fps, crf
        self._inbox: queue.Queue[NDArray[Any] | None] = queue.Queue(_AHEAD)
        self._done: queue.SimpleQueue[Path] = queue.SimpleQueue()
        self._error: BaseException | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="part-encoder", daemon=True)
        self.cpu_s = 0.0

    def __enter__(self) -> PartEncoder:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._thread.join()

    def add(self, rgb: NDArray[Any]) -> None:
        """Queue an (H, W, 3) uint8 frame, which must not be changed afterwards. Blocks while the queue is full."""
        self._put(rgb)

    def end_part(self) -> Path:
        """End the current part, which has at least one frame, and return its file. The next frame starts a new one."""
        self._put(None)
        while True:
            try:
                return self._done.get(timeout=0.05)
            except queue.Empty:
                self._raise()

    def _put(self, item: NDArray[Any] | None) -> None:
        while True:
            self._raise()
            try:
                return self._inbox.put(item, timeout=0.05)
            except queue.Full:
                continue

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        import time

        count = 0
        try:
            while not self._closing.is_set():
                path = self._folder / f"part-{count}.mp4"
                if self._encode_part(path):
                    self._done.put(path)
                    count += 1
        except BaseException as error:
            self._error = error
        finally:
            self.cpu_s = time.thread_time()

    def _next(self) -> tuple[bool, NDArray[Any] | None]:
        """(True, frame), or (True, None) at the end of a part, or (False, None) when closing."""
        while not self._closing.is_set():
            try:
                return True, self._inbox.get(timeout=0.05)
            except queue.Empty:
                continue
        return False, None

    def _encode_part(self, path: Path) -> bool:
        some, frame = self._next()
        if not some or frame is None:
            return False
        with ClipWriter(path, self._fps, self._crf, part=True) as part:
            while frame is not None:
                part.add(frame)
                some, frame = self._next()
                if not some:
                    return False
        return True
