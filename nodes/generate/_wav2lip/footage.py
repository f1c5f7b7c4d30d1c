"""The images that get a speaking mouth, one for each frame of the speech, and the face in them: a clip or a still."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Protocol

from numpy.typing import NDArray

from nodes.generate._between import Between
from nodes.generate._incoming_clip import IncomingClip
from nodes.generate._loop import FramesInAnyOrder, there_and_back, turns
from nodes.generate._wav2lip.smoothing import Box
from nodes.generate._wav2lip.track import SAME_PLACE, FaceTrack, Finder, Sight, Tracking

FEW_FPS = 20  # a mouth that is shown less often cannot be read
Pads = tuple[float, float, float]  # room above, below and at each side, as of Box.padded


class Footage(Protocol):
    """Images without end."""

    fps: Fraction

    def look_ahead(self, frames: int) -> Iterator[int]:
        """Find the face in the first frames, as far as they are there now, and yield their numbers.

        Raises NodeError if it is away for too long.
        """

    def image(self, frame: int) -> NDArray[Any]:
        """(H, W, 3) uint8 RGB, not to be changed. Quick for successive frames."""

    def box(self, frame: int) -> Box | None:
        """The face; None if there is none. Raises NodeError if it has been away for too long."""

    def sight(self, frame: int) -> Sight:
        """What is known of the face."""

    def seam(self, frame: int) -> bool:
        """Whether the clip turns around before that frame."""


class Still:
    """An image that shows a face in this box."""

    def __init__(self, rgb: NDArray[Any], box: Box, fps: Fraction) -> None:
        self.fps, self._rgb, self._box = fps, rgb, box

    def look_ahead(self, frames: int) -> Iterator[int]:
        return iter(())

    def image(self, frame: int) -> NDArray[Any]:
        return self._rgb

    def box(self, frame: int) -> Box | None:
        return self._box

    def sight(self, frame: int) -> Sight:
        return Sight.SEEN

    def seam(self, frame: int) -> bool:
        return False


class Clip:
    """A clip that plays forwards and backwards for as long as frames are asked for.

    It is decoded twice: the face is looked for ahead of the frame that is shown, without keeping frames for it.

    Args:
        fps: of a clip with few frames per second; the images between its frames are made. Others keep their own.
        in_parts: whether more of the clip may be coming.
    """

    def __init__(
        self, clip: IncomingClip, find: Finder, tracking: Tracking, pads: Pads, fps: Fraction, *, in_parts: bool
    ) -> None:
        self.fps = max(fps, clip.fps) if clip.fps < FEW_FPS else clip.fps
        self._step = clip.fps / self.fps
        self._clip, self._in_parts, self._pads = clip, in_parts, pads
        self._ahead, self._looked = tracking.ahead + 1, 0
        self._track = FaceTrack(clip.frames(0), find, tracking, clip.fps)
        self._images, self._between = FramesInAnyOrder(clip.frames), Between()

    def look_ahead(self, frames: int) -> Iterator[int]:
        if self._in_parts:  # not beyond them, because it would wait
            frames = min(frames, math.floor((self._clip.known_frames() - self._ahead) / self._step))
        for frame in range(self._looked, frames):
            if self._place(frame) != frame * self._step:
                return
            self.sight(frame)
            self._looked = frame + 1
            yield frame

    def image(self, frame: int) -> NDArray[Any]:
        left, right, share = self._around(frame)
        a = self._images.at(left)
        return self._between.image((left, right), a, self._images.at(right), share) if share else a

    def box(self, frame: int) -> Box | None:
        left, right, share = self._around(frame)
        a, b = self._track.box(left), self._track.box(right)
        if a is None or b is None:
            return None
        if a.overlap(b) < SAME_PLACE:  # at a cut, where the nearer image is shown
            share = round(share)
        return a.towards(b, share).padded(*self._pads)

    def sight(self, frame: int) -> Sight:
        left, right, _ = self._around(frame)
        sights = {self._track.sight(left), self._track.sight(right)}
        return next(one for one in (Sight.AWAY, Sight.BRIDGED, Sight.SEEN) if one in sights)

    def seam(self, frame: int) -> bool:
        self._place(frame)
        return self._track.ended and turns((frame - 1) * self._step, frame * self._step, self._track.count)

    def _around(self, frame: int) -> tuple[int, int, float]:
        """The frames of the clip before and after what is shown, and the share of the way between them."""
        place = self._place(frame)
        return math.floor(place), math.ceil(place), float(place % 1)

    def _place(self, frame: int) -> Fraction:
        """What is shown, in frames of the clip."""
        place = frame * self._step
        last = math.ceil(place)
        self._track.read(last)
        ended = self._track.ended and last >= self._track.count
        return there_and_back(place, self._track.count) if ended else place
