"""Clips frame by frame: decoded and encoded again as they stream by, never held in memory.

Source: own work on PyAV, licence BSD-3-Clause, over FFmpeg and x264 as bundled with PyAV's wheel.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from nodes.generate._mux import _decoded, _opened, read_pictures

_OPTIONS = {"preset": "veryfast", "bf": "0", "g": "50", "flags": "+bitexact"}


def frames(path: Path, first: int = 0) -> Iterator[NDArray[Any]]:
    """(H, W, 3) uint8 RGB, upright as stored, from the frame ``first`` on. Raises NodeError: not a video."""
    with _opened(path, "video") as container:
        source = container.streams.video[0]
        source.thread_type = "AUTO"
        for frame in islice(_decoded(container, source, "video"), first, None):
            yield frame.to_ndarray(format="rgb24")


class ClipWriter:
    """Writes frames to an mp4 (H.264, yuv420p). The same frames give the same bytes. A context manager.

    Args:
        fps: exact, also for rates such as 30000 / 1001.
        crf: 0 lossless to 51; lower is better.
    """

    def __init__(self, path: Path, fps: Fraction, crf: int = 17) -> None:
        self._path, self._fps, self._crf = path, fps, crf
        self._container: Any = None
        self._stream: Any = None
        self.count = 0

    def __enter__(self) -> ClipWriter:
        options = {"movflags": "+faststart", "fflags": "+bitexact"}
        self._container = av.open(str(self._path), "w", format="mp4", options=options)
        return self

    def add(self, rgb: NDArray[Any]) -> None:
        """(H, W, 3) uint8; an odd last row or column is left out. All frames are as large as the first."""
        height, width = (side // 2 * 2 for side in rgb.shape[:2])
        if self._stream is None:
            self._stream = self._container.add_stream("libx264", rate=self._fps)
            self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, "yuv420p"
            self._stream.time_base = 1 / self._fps
            self._stream.codec_context.thread_count = 1
            self._stream.options = {**_OPTIONS, "crf": str(self._crf)}
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb[:height, :width]), format="rgb24")
        picture.pts, picture.time_base = self.count, 1 / self._fps
        self._container.mux(self._stream.encode(picture))
        self.count += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self._stream is not None:
            self._container.mux(self._stream.encode(None))
        self._container.close()


def cut_to(source: Path, target: Path, most: int) -> Path:
    """The clip with ``most`` frames at most: the source itself where it is no longer, else ``target``.

    Models that render windows of a fixed size overrun the sound.
    """
    pictures = read_pictures(source)
    if len(pictures.packet_pts) <= most:
        return source
    with ClipWriter(target, pictures.fps) as clip:
        for rgb in islice(frames(source), most):
            clip.add(rgb)
    return target
