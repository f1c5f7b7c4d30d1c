"""Reads the frames of a clip that is there as a whole, or comes in parts while another node makes it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

from numpy.typing import NDArray

from nodes.generate._clips import frames
from nodes.generate._mux import read_video_facts
from nodes.sdk import Context, InParts, NodeError, VideoRef

LOOK_EVERY_S = 0.5  # each look is a question to the bus


class IncomingClip:
    """The frames in order. Holds one of them in memory.

    Attributes:
        fps, width, height: of the first part, with which all others agree.

    Raises NodeError (node.bad_input) if it is not a video.
    """

    def __init__(self, ctx: Context, video: InParts[VideoRef]) -> None:
        self._ctx, self._video = ctx, video
        first = next(iter(video))
        # A producer whose result was in the cache after all made none: then the whole comes instead.
        self._in_parts = video.comes_in_parts and next(video.finished(), None) is not None
        facts = read_video_facts(ctx.open(first))
        self.fps, self.width, self.height = facts.fps, facts.width, facts.height
        self._look_at = float("-inf")
        self._counts = [self._frames_in(first, len(facts.packet_pts))]

    def known_frames(self) -> int:
        """The number of frames in the parts that are finished now; of all, if the whole is there.

        Does not wait, and looks only now and then: for progress and to refuse early, not for the result.
        """
        if time.monotonic() < self._look_at:
            return sum(self._counts)
        self._look_at = time.monotonic() + LOOK_EVERY_S
        for ref in islice(self._video.finished(), len(self._counts), None):
            self._counts.append(self._frames_in(ref))
        return sum(self._counts)

    def frames(self, start: int) -> Iterator[NDArray[Any]]:
        """Yield (H, W, 3) uint8 RGB frames as stored, from frame ``start`` on.

        Leaves the node while the next part is not finished. Parts before ``start`` are not decoded.
        """
        before = 0  # frames in the parts before this one
        none_yet = True
        for number, ref in enumerate(self._video):
            if number == len(self._counts):
                self._counts.append(self._frames_in(ref))
            count = self._counts[number]
            if self._in_parts and before + count <= start:
                before += count
                continue
            decoded = skipped = max(0, start - before)
            for rgb in frames(self._ctx.open(ref), skipped):
                decoded, none_yet = decoded + 1, False
                yield rgb
            if self._in_parts and decoded != count:
                raise _miscounted(number, decoded, count)
            before += count
        if start == 0 and none_yet:
            raise NodeError(
                "the video cannot be read",
                where="video",
                seen="no frame could be decoded",
                allowed="a file with a playable video track",
                remedy="Check that the file plays in another program. If it is damaged, create the video again.",
            )

    def _frames_in(self, ref: VideoRef, packets: int | None = None) -> int:
        """Of a part, what its node says, so that a part that was read before need not be fetched again."""
        if self._in_parts and ref.frames:
            return ref.frames
        return packets if packets is not None else len(read_video_facts(self._ctx.open(ref)).packet_pts)


def _miscounted(part: int, seen: int, stated: int) -> NodeError:
    return NodeError(
        "a part of the video does not have the frames that its node states",
        where=f"video: part {part}",
        seen=f"{seen} frames",
        allowed=f"{stated} frames",
        remedy="Correct the node that makes the video: each part states its number of frames.",
    )
