"""An input that comes in pieces, as from a worker, for tests without any server."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from nodes.context import Cancelled, Context
from nodes.generate._clips import ClipWriter
from nodes.sdk import InParts, VideoRef


class Pieces:
    """The parts of a producer: the ``nodes.in_parts.Incoming`` of a worker.

    Args:
        ready: how many are finished. A node that requests the next one is left, as in a worker; None if all are.
        whole: all outputs, for a node that needs them.
    """

    def __init__(
        self, pieces: Sequence[dict[str, Any]], ready: int | None = None, whole: dict[str, Any] | None = None
    ) -> None:
        self._pieces = pieces
        self._whole = whole
        self._ready = len(pieces) if ready is None else ready

    def part(self, index: int) -> dict[str, Any] | None:
        if index >= self._ready < len(self._pieces):
            raise Cancelled
        return self.finished(index)

    def finished(self, index: int) -> dict[str, Any] | None:
        return self._pieces[index] if index < self._ready else None

    def whole(self) -> dict[str, Any]:
        assert self._whole is not None, "the node does not need the whole"
        return self._whole


def clip_in_pieces(
    ctx: Context, frames: Iterable[NDArray[Any]], cuts: Sequence[int], fps: Fraction
) -> list[dict[str, Any]]:
    """Save the frames as parts that end before the frames of these numbers.

    They are encoded without loss, so their frames are the same wherever they are cut.
    """
    every, pieces, start = list(frames), [], 0
    for end in (*cuts, len(every)):
        path = ctx.workdir / f"piece-{end}.mp4"
        with ClipWriter(path, fps, crf=0, part=True) as writer:
            for rgb in every[start:end]:
                writer.add(rgb)
        pieces.append({"video": ctx.save(path, "video").model_dump()})
        start = end
    return pieces


def as_input(pieces: Sequence[dict[str, Any]], ready: int | None = None) -> InParts[VideoRef]:
    return InParts(incoming=Pieces(pieces, ready), output="video", kind=VideoRef)


def saved(ctx: Context, frames: Iterable[NDArray[Any]], fps: Fraction, path: Path) -> VideoRef:
    """Save the frames as one clip, encoded without loss."""
    with ClipWriter(path, fps, crf=0) as writer:
        for rgb in frames:
            writer.add(rgb)
    return ctx.save(path, "video")
