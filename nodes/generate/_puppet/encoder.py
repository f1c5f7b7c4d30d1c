"""Encodes frames to h264 parts in a separate thread: libx264 releases the GIL, so painting and encoding overlap.

Each part is a closed file: it starts with a keyframe, refers to no other part, and contains no date. The settings,
including a single encoder thread, are fixed, so equal frames give equal bytes on any machine with the same libx264.
"""

from __future__ import annotations

import queue
import threading
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from nodes.generate._part_format import PART_FORMAT

_OPTIONS = {
    "preset": "veryfast",
    "crf": "18",
    "bf": "0",  # no reordering: decode order is display order, so parts join without an edit list
    "g": "50",
    "threads": "1",
    "flags": "+cgop+bitexact",
}
_AHEAD = 6  # frames that may wait for the encoder: enough to absorb jitter, few enough to save memory


class PartEncoder:
    """Encodes frames into parts. A context manager; an exception discards the unfinished part.

    ``finished`` returns the paths of finished parts. The next call raises any error of the thread.
    """

    def __init__(self, folder: Path, size: int, fps: int) -> None:
        self._folder, self._size, self._fps = folder, size, fps
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
        """Queue a (size, size, 3) uint8 frame. Blocks while the queue is full."""
        self._put(rgb)

    def end_part(self) -> None:
        """End the current part; the next frame starts a new one."""
        self._put(None)

    def finished(self, *, wait: int = 0) -> list[Path]:
        """Parts finished since the last call, in order. Blocks until there are at least ``wait``."""
        parts: list[Path] = []
        while True:
            try:
                parts.append(self._done.get(timeout=0.05 if len(parts) < wait else 0))
            except queue.Empty:
                self._raise()
                if len(parts) >= wait:
                    return parts

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
        with av.open(str(path), "w", format="mp4", options=PART_FORMAT) as container:
            stream: Any = container.add_stream("libx264", rate=self._fps, options=dict(_OPTIONS))
            stream.width = stream.height = self._size
            stream.pix_fmt = "yuv420p"
            stream.time_base = Fraction(1, self._fps)
            stream.codec_context.color_range = ColorRange.MPEG
            stream.codec_context.colorspace = Colorspace.ITU601
            stream.codec_context.thread_count = 1
            index = 0
            while frame is not None:
                container.mux(stream.encode(_video_frame(frame, index, self._fps)))
                index += 1
                some, frame = self._next()
                if not some:
                    return False
            container.mux(stream.encode(None))
        return True


def _video_frame(rgb: NDArray[Any], index: int, fps: int) -> Any:
    planes = cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420)  # BT.601, limited range, as tagged in the stream
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(planes), format="yuv420p")
    frame.pts = index
    frame.time_base = Fraction(1, fps)
    frame.color_range = ColorRange.MPEG
    frame.colorspace = Colorspace.ITU601
    return frame
