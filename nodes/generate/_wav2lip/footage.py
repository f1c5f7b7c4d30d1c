"""The pictures that get a speaking mouth, one for each frame of the speech, and the face in them: a clip or a still."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Protocol

from numpy.typing import NDArray

from nodes.generate._incoming_clip import IncomingClip
from nodes.generate._loop import FramesInAnyOrder, there_and_back, turns
from nodes.generate._wav2lip.smoothing import Box
from nodes.generate._wav2lip.track import FaceTrack, Finder, Sight, Tracking

Pads = tuple[float, float, float]  # room above, below and at each side, as of Box.padded


class Footage(Protocol):
    """Pictures without end."""

    fps: Fraction

    def look_ahead(self, frames: int) -> Iterator[int]:
        """Find the face in the first frames, as far as they are there now, and yield their numbers.

        Raises NodeError if it is away for too long.
        """

    def picture(self, frame: int) -> NDArray[Any]:
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

    def picture(self, frame: int) -> NDArray[Any]:
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
    """

    def __init__(self, clip: IncomingClip, find: Finder, tracking: Tracking, pads: Pads, *, in_parts: bool) -> None:
        self.fps, self._pads = clip.fps, pads
        self._clip, self._in_parts = clip, in_parts
        self._ahead, self._looked = tracking.ahead + 1, 0
        self._track = FaceTrack(clip.frames(0), find, tracking, clip.fps)
        self._pictures = FramesInAnyOrder(clip.frames)

    def look_ahead(self, frames: int) -> Iterator[int]:
        if self._in_parts:  # not beyond them, because it would wait
            frames = min(frames, self._clip.known_frames() - self._ahead)
        for frame in range(self._looked, frames):
            if self._number(frame) != frame:
                return
            self._track.sight(frame)
            self._looked = frame + 1
            yield frame

    def picture(self, frame: int) -> NDArray[Any]:
        return self._pictures.at(self._number(frame))

    def box(self, frame: int) -> Box | None:
        box = self._track.box(self._number(frame))
        return None if box is None else box.padded(*self._pads)

    def sight(self, frame: int) -> Sight:
        return self._track.sight(self._number(frame))

    def seam(self, frame: int) -> bool:
        self._number(frame)
        return self._track.ended and turns(frame, self._track.count)

    def _number(self, frame: int) -> int:
        """The frame of the clip that is shown."""
        self._track.read(frame)
        ended = self._track.ended and frame >= self._track.count
        return there_and_back(frame, self._track.count) if ended else frame
