"""Follows one face through a clip: where it is in each frame, and in which frames it is missing."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from nodes.generate._wav2lip.smoothing import Box, steady
from nodes.sdk import NodeError

SAME_PLACE = 0.3  # overlap of the boxes of one face in two successive looks; less is a cut to another image
_SAME_FACE = 0.05  # overlap before and after frames without a face, across which it may have moved
_OTHER_IMAGE = 20.0  # mean difference of two very small images, 0 to 255, from which they show different things


class Sight(Enum):
    SEEN = "the face is there"
    BRIDGED = "the face is not found, and its box comes from the frames before and after"
    AWAY = "there is no face"
    OPEN = "there is no face yet, and the frames after it decide what that means"


class Finder(Protocol):
    def __call__(self, rgb: NDArray[Any], near: Box | None, moved_on: bool) -> Box | None:
        """The face in a frame; None if it is not there.

        Args:
            near: where it was last; None if it has not been seen, or not for long. Then the chosen one of all.
            moved_on: whether the image is another one, so that the face may be elsewhere.
        """


@dataclass(frozen=True)
class Tracking:
    """How to follow a face, in frames.

    Attributes:
        every: from one look at the frames to the next. Between a look with the face and one without, each is looked at.
        radius: of the smoothing.
        bridge: up to so many successive frames without the face are bridged.
        away: up to so many are shown as they are; more are refused.
    """

    every: int
    radius: int
    bridge: int
    away: int

    @property
    def ahead(self) -> int:
        """The frames after one that its box depends on."""
        return self.bridge + max(self.radius, self.every) + self.every


class FaceTrack:
    """The boxes of the face in the frames of a clip. Reads frames as they are needed, and holds a few of them.

    The box of a frame depends on the clip alone, not on when it is asked for.
    """

    def __init__(self, frames: Iterator[NDArray[Any]], find: Finder, tracking: Tracking, fps: Fraction) -> None:
        self._frames, self._find, self._tracking, self._fps = frames, find, tracking, fps
        self._waiting: list[NDArray[Any]] = []  # frames after the last look
        self._sights: list[Sight] = []  # of the frames up to the last look
        self._times: list[int] = []  # of the looks that found the face, with their boxes and shots
        self._boxes: list[Box] = []
        self._shots: list[int] = []  # boxes are smoothed within a shot
        self._last: Box | None = None  # what the last look found
        self._image: NDArray[Any] | None = None  # in which the face was found last, very small
        self.ended = False

    @property
    def count(self) -> int:
        """The number of frames in the clip; known once it has ended."""
        assert self.ended
        return len(self._sights)

    def read(self, frame: int) -> None:
        """Read what the box of a frame depends on. Leaves the node while a part of the clip is not finished."""
        while not self.ended and len(self._sights) <= frame + self._tracking.ahead:
            self._read_one()

    def sight(self, frame: int) -> Sight:
        """What is known of the face in a frame of the clip. Raises NodeError if it has been away for too long."""
        self.read(frame)
        if self.ended and not self._times:
            raise no_face(len(self._sights))
        found = self._sights[frame]
        if found in (Sight.AWAY, Sight.OPEN):
            self._check_away(frame)
            return Sight.AWAY  # an open one is longer than any bridge
        return found

    def box(self, frame: int) -> Box | None:
        """The steady box of the face in a frame of the clip; None if there is no face. Raises as ``sight`` does."""
        sight = self.sight(frame)
        if sight is Sight.BRIDGED:
            left, right = frame, frame
            while self._sights[left] is Sight.BRIDGED:
                left -= 1
            while self._sights[right] is Sight.BRIDGED:
                right += 1
            return self._steady(left).towards(self._steady(right), (frame - left) / (right - left))
        return None if sight is Sight.AWAY else self._steady(frame)

    def _steady(self, frame: int) -> Box:
        """The box in a frame in which the face was seen, from the looks around it in the same shot."""
        after = bisect_left(self._times, frame)
        shot = self._shots[after if after < len(self._times) and self._times[after] == frame else after - 1]
        left = min(bisect_left(self._times, frame - self._tracking.radius), max(0, after - 1))
        right = max(bisect_left(self._times, frame + self._tracking.radius + 1), after + 1)
        near = [at for at in range(left, min(right, len(self._times))) if self._shots[at] == shot]
        times = np.array([self._times[at] for at in near], float)
        return steady(times, np.array([self._boxes[at] for at in near]), frame, self._tracking.radius)

    def _read_one(self) -> None:
        rgb = next(self._frames, None)
        if rgb is None:
            if self._waiting:
                self._look()
            self._close(bridged=False)
            self.ended = True
            return
        self._waiting.append(rgb)
        if (len(self._sights) + len(self._waiting) - 1) % self._tracking.every == 0:
            self._look()

    def _look(self) -> None:
        """Look at the last frame that was read, and at those before it if the face came, went or jumped."""
        found = self._found(self._waiting[-1])
        if self._agrees(found):
            self._note(self._waiting[-1], found, len(self._waiting))
        else:
            for rgb in self._waiting:
                self._note(rgb, self._found(rgb), 1)
        self._waiting.clear()

    def _found(self, rgb: NDArray[Any]) -> Box | None:
        """The face where it was last, or, if that was long ago, the chosen one."""
        if self._image is None or self._open_before(len(self._sights)) > self._tracking.bridge:
            return self._find(rgb, None, True)
        return self._find(rgb, self._boxes[-1], float(np.abs(_small(rgb) - self._image).mean()) > _OTHER_IMAGE)

    def _agrees(self, found: Box | None) -> bool:
        if found is None or self._last is None:
            return found is self._last
        return self._last.overlap(found) >= SAME_PLACE

    def _note(self, rgb: NDArray[Any], found: Box | None, frames: int) -> None:
        """Take what was found in a frame, the last one of so many that are alike."""
        open_ = bool(self._sights) and self._sights[-1] is Sight.OPEN
        if found is None:
            self._sights += [Sight.OPEN] * frames
        else:
            before = self._boxes[-1] if self._boxes else None
            same = before is not None and before.overlap(found) >= (_SAME_FACE if open_ else SAME_PLACE)
            if open_:
                same = self._close(bridged=same)
            self._sights += [Sight.SEEN] * frames
            self._times.append(len(self._sights) - 1)
            self._boxes.append(found)
            self._image = _small(rgb)
            self._shots.append(self._shots[-1] + (not same) if self._shots else 0)
        self._last = found

    def _close(self, *, bridged: bool) -> bool:
        """Decide what the open frames at the end are. Returns whether they are bridged."""
        length = self._open_before(len(self._sights))
        bridged = bridged and length <= self._tracking.bridge
        if length:
            self._sights[-length:] = [Sight.BRIDGED if bridged else Sight.AWAY] * length
        return bridged

    def _open_before(self, end: int) -> int:
        """How many successive frames before this one have no face, and are not bridged."""
        seen = bisect_left(self._times, end)
        return end - 1 - self._times[seen - 1] if seen else end

    def _check_away(self, frame: int) -> None:
        length = self._open_before(frame + 1)
        if length > self._tracking.away:
            first = frame + 1 - length
            raise NodeError(
                "the face is out of the image for too long",
                where=f"video: from frame {first}, at {float(first / self._fps):.1f} s",
                seen=f"no face in {length} successive frames" + (", from the first one on" if first == 0 else ""),
                allowed=f"up to {self._tracking.away} frames",
                remedy="Use a clip in which the face stays in the image, cut it before that, or increase away_s: "
                "frames without a face are then shown as they are.",
            )


def _small(rgb: NDArray[Any]) -> NDArray[Any]:
    """(16, 16) float32: the grey image."""
    small = cv2.resize(rgb, (16, 16), interpolation=cv2.INTER_AREA)
    return small.mean(axis=2, dtype=np.float32)


def no_face(frames: int) -> NodeError:
    """The error for a clip without a face that can be seen for long enough."""
    return NodeError(
        "no face of a person was found in the video",
        where="video",
        seen=f"no face in {frames} frames",
        allowed="a face that can be seen in most frames",
        remedy="Use a clip of a person who faces the camera.",
    )
