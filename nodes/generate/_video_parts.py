"""Makes a long video in parts, for nodes that make one frame after the other. Importing it loads nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nodes.generate._part_layout import CUT, Cut
from nodes.sdk import Context, Field, NodeModel, VideoRef

if TYPE_CHECKING:
    from numpy.typing import NDArray


class VideoPart(NodeModel):
    video: VideoRef = Field(description="Some frames, as a fragmented mp4.")


def make_parts(ctx: Context, frames: Iterable[NDArray[Any]], fps: Fraction, crf: int, cut: Cut = CUT) -> int:
    """Encode the frames after the finished parts, and append a ``VideoPart`` as soon as it is full.

    A part is kept before the frame after it is requested, because the node may be left there to wait for its input.

    Args:
        frames: (H, W, 3) uint8, from frame ``cut.start(len(ctx.parts))`` on.

    Returns the number of frames encoded. Blocks; holds a few frames in memory.
    """
    from nodes.generate._part_encoder import PartEncoder

    made = count = 0
    with PartEncoder(ctx.workdir, fps, crf) as encoder:
        for rgb in frames:
            encoder.add(rgb)
            made, count = made + 1, count + 1
            if count == cut.count(len(ctx.parts)):
                _keep(ctx, encoder.end_part(), count, fps)
                count = 0
        if count:
            _keep(ctx, encoder.end_part(), count, fps)
    return made


def _keep(ctx: Context, path: Path, count: int, fps: Fraction) -> None:
    video = ctx.save(path, "video", frames=count, fps=float(fps), duration_s=float(count / fps))
    ctx.parts.append(VideoPart(video=video))


def join_parts(ctx: Context, fps: Fraction, name: str) -> VideoRef:
    """The whole video, from all parts of the node, without encoding them again."""
    from nodes.generate._part_joining import join

    target = ctx.workdir / "video.mp4"
    joined = join([ctx.open(part.video) for part in ctx.parts], target, fps)
    expected = sum(part.video.frames for part in ctx.parts)
    assert joined == expected, f"{joined} frames in {len(ctx.parts)} parts, expected {expected}"
    return ctx.save(target, "video", name=name)
