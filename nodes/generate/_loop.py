"""Extends a clip without a visible seam: it plays forwards, then backwards, then forwards again.

No frame is shown twice in a row, and each frame is followed by one that was next to it in the clip, so the image
never jumps. What moves turns around.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from fractions import Fraction
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

_KEPT_BYTES = 256 * 2**20
_NEIGHBOURS = 4  # steps on each side with which the step at a seam is compared
_EVERY_PX = 4  # pixels that are compared; steps are differences of whole images


def there_and_back(at: Fraction, count: int) -> Fraction:
    """The place in a clip of ``count`` frames that is shown ``at`` so many frames after its start: 0 1 2 1 0 1 … for 3.

    Both may lie between two frames.
    """
    if count == 1:
        return Fraction(0)
    at = at % (2 * (count - 1))
    return min(at, 2 * (count - 1) - at)


def turns(before: Fraction, after: Fraction, count: int) -> bool:
    """Whether the clip turns around on the way between two such places: not before the first, and before the second."""
    last = count - 1
    return last > 0 and math.ceil(after / last) > max(1, math.ceil(before / last))


class FramesInAnyOrder:
    """Frames of a clip by their number, for numbers that go up and down by one. Holds at most 256 MiB, or 8 frames.

    Args:
        read: gives the frames from a number on.
    """

    def __init__(self, read: Callable[[int], Iterator[NDArray[Any]]]) -> None:
        self._read = read
        self._coming: Iterator[NDArray[Any]] = iter(())
        self._first, self._kept = 0, deque[NDArray[Any]]()  # self._coming continues after them
        self._started = False

    def at(self, number: int) -> NDArray[Any]:
        """The (H, W, 3) uint8 frame. Backwards in a long clip, some frames are decoded at once."""
        if number < self._first or not self._started:
            self._restart(max(0, number - self._most() + 1) if self._started else number)
        while number >= self._first + len(self._kept):
            frame = next(self._coming)
            self._kept.append(frame)
            if len(self._kept) > self._most():
                self._kept.popleft()
                self._first += 1
        return self._kept[number - self._first]

    def _restart(self, first: int) -> None:
        self._coming, self._first, self._started = self._read(first), first, True
        self._kept.clear()

    def _most(self) -> int:
        if self._kept:
            self._frame_bytes = self._kept[0].nbytes
        return max(8, _KEPT_BYTES // self._frame_bytes)


class SeamMeter:
    """Compares the steps at the seams of a video with those around them. Call ``see`` for each frame.

    Attributes:
        worst: the largest difference of two frames at a seam / the median of the differences around it. 1 is invisible,
            a cut has more; 0 if there was no seam. A standing image counts as 1.
    """

    def __init__(self) -> None:
        self.worst = 0.0
        self._last: NDArray[Any] | None = None
        self._steps = deque[tuple[float, bool]](maxlen=2 * _NEIGHBOURS + 1)

    def see(self, rgb: NDArray[Any], *, seam: bool) -> None:
        """Take an (H, W, 3) uint8 frame. ``seam``: the step to it is one."""
        small = rgb[::_EVERY_PX, ::_EVERY_PX].astype(np.int16)
        if self._last is not None:
            self._steps.append((float(np.abs(small - self._last).mean()), seam))
            self._compare(len(self._steps) - 1 - _NEIGHBOURS)
        self._last = small

    def end(self) -> float:
        """Also compares the seams of the last frames. Returns ``worst``."""
        for position in range(max(0, len(self._steps) - _NEIGHBOURS), len(self._steps)):
            self._compare(position)
        return self.worst

    def _compare(self, position: int) -> None:
        if position < 0 or not self._steps[position][1]:
            return
        around = [step for step, seam in self._steps if not seam]
        if around:
            step, usual = self._steps[position][0], median(around)
            self.worst = max(self.worst, step / usual if usual else 1.0 if not step else float("inf"))
