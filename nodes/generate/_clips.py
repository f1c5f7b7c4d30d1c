"""Decodes and encodes clips frame by frame, without holding them in memory.

Source: own work on PyAV, licence BSD-3-Clause, over FFmpeg and x264 as bundled in PyAV's wheel, and OpenCV,
licence Apache-2.0.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import cv2
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from nodes.generate._mux import _decoded, _opened, read_video_facts
from nodes.generate._part_layout import PART_FORMAT

_OPTIONS = {
    "preset": "veryfast",
    "bf": "0",  # no reordering: decode order is display order, so parts join without an edit list
    "g": "50",
    "threads": "1",  # x264's output depends on the number
    "flags": "+cgop+bitexact",
}
_WHOLE_FORMAT = {"movflags": "+faststart", "fflags": "+bitexact"}


def frames(path: Path, first: int = 0) -> Iterator[NDArray[Any]]:
    """Yield (H, W, 3) uint8 RGB frames as stored, starting with frame ``first``. Raises NodeError: not a video."""
    with _opened(path, "video") as container:
        source = container.streams.video[0]
        source.thread_type = "AUTO"
        for frame in islice(_decoded(container, source, "video"), first, None):
            yield frame.to_ndarray(format="rgb24")


class ClipWriter:
    """Writes frames to an mp4 file (H.264, yuv420p, BT.601). Equal frames give equal bytes. A context manager.

    The file starts with a keyframe, refers to no other file, and contains no date.

    Args:
        fps: the exact frame rate, which may be e.g. 30000 / 1001.
        crf: 0 (lossless) to 51; lower is better.
        part: write a fragmented file, which plays while later parts are made.
    """

    def __init__(self, path: Path, fps: Fraction, crf: int = 17, *, part: bool = False) -> None:
        self._path, self._fps, self._crf = path, fps, crf
        self._format = PART_FORMAT if part else _WHOLE_FORMAT
        self._container: Any = None
        self._stream: Any = None
        self.count = 0

    def __enter__(self) -> ClipWriter:
        self._container = av.open(str(self._path), "w", format="mp4", options=self._format)
        return self

    def add(self, rgb: NDArray[Any]) -> None:
        """Add an (H, W, 3) uint8 frame of the size of the first one. An odd last row or column is cropped."""
        height, width = (side // 2 * 2 for side in rgb.shape[:2])
        if self._stream is None:
            self._start(width, height)
        planes = cv2.cvtColor(rgb[:height, :width], cv2.COLOR_RGB2YUV_I420)  # BT.601, limited range, as tagged below
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        frame.pts, frame.time_base = self.count, 1 / self._fps
        frame.color_range, frame.colorspace = ColorRange.MPEG, Colorspace.ITU601
        self._container.mux(self._stream.encode(frame))
        self.count += 1

    def _start(self, width: int, height: int) -> None:
        self._stream = self._container.add_stream(
            "libx264", rate=self._fps, options={**_OPTIONS, "crf": str(self._crf)}
        )
        self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, "yuv420p"
        self._stream.time_base = 1 / self._fps
        self._stream.codec_context.color_range = ColorRange.MPEG
        self._stream.codec_context.colorspace = Colorspace.ITU601
        self._stream.codec_context.thread_count = 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self._stream is not None:
            self._container.mux(self._stream.encode(None))
        self._container.close()


def cut_to(source: Path, target: Path, most: int) -> Path:
    """The clip cut to at most ``most`` frames: ``source`` if it is short enough, else ``target``.

    Models that render windows of a fixed size produce more frames than the audio needs.
    """
    facts = read_video_facts(source)
    if len(facts.packet_pts) <= most:
        return source
    with ClipWriter(target, facts.fps) as clip:
        for rgb in islice(frames(source), most):
            clip.add(rgb)
    return target
