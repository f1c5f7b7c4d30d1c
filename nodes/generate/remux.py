"""Combine the silent video with its audio, and record in the file how it was made.

Source: own work on PyAV, licence BSD-3-Clause, over FFmpeg, x264 and FFmpeg's AAC encoder as bundled in PyAV's wheel.
H.264 in yuv420p is copied packet by packet, without loss and in milliseconds; anything else is re-encoded.
"""

from __future__ import annotations

import json
from fractions import Fraction

from nodes.context import Facts
from nodes.sdk import AudioRef, Context, Field, InParts, Metric, NodeModel, Resources, VideoRef, node

NOTICE = "synthetic media made by talking-head-workbench"


class Params(NodeModel):
    audio_bitrate_kbps: int = Field(128, ge=32, le=320, description="Bit rate of the audio (AAC) in kbit/s.")
    crf: int = Field(18, ge=0, le=40, description="Quality of a re-encoded video: lower is better; 18 looks lossless.")
    title: str = Field("", max_length=200, description="Title in the file; if empty, the name of the graph.")


class Inputs(NodeModel):
    video: InParts[VideoRef] = Field(description="The video; an audio track of its own is dropped.")
    audio: InParts[AudioRef] = Field(description="The audio; it sets the length of the result, to within one frame.")


class Part(NodeModel):
    video: VideoRef = Field(description="Some frames with their sound, to watch while the rest is made.")


class Outputs(NodeModel):
    video: VideoRef = Field(description="mp4 (H.264, AAC) that can play before it is fully loaded.")


@node(
    "generate.remux",
    version="1.1.0",
    title="Final video",
    category="Video",
    tags=("mp4", "mux", "provenance"),
    plane="data",
    resources=Resources(timeout_s=1800),
    metrics=(
        Metric(
            name="video_copied",
            better="higher",
            meaning="1 if the pictures were copied unchanged, 0 if they were encoded again.",
        ),
    ),
    packages=("av", "numpy"),
    part=Part,
    advanced=("audio_bitrate_kbps", "crf", "title"),
)
def run(ctx: Context, params: Params, inputs: Inputs) -> Outputs:
    """Video and audio files -> one mp4. Equal inputs, parameters and provenance give equal bytes.

    The video shows the frames that start before the audio ends: later frames are dropped, missing frames repeat the
    last one. The file's comment is JSON: a notice that the media is synthetic, and the provenance from the context.

    Raises NodeError (node.bad_input) if an input cannot be read, the audio has no samples, or the video has no frames.
    """
    from nodes.generate._mux import mux

    if inputs.video.comes_in_parts:
        _show_parts(ctx, inputs)
    target = ctx.workdir / "talking-head.mp4"
    comment = {"notice": NOTICE, **{key: ctx.provenance[key] for key in sorted(ctx.provenance)}}
    copied = mux(
        ctx.open(inputs.video.whole()),
        ctx.open(inputs.audio.whole()),
        target,
        bitrate_kbps=params.audio_bitrate_kbps,
        crf=params.crf,
        metadata={
            "title": params.title or ctx.provenance.get("workflow", "") or "Talking head",
            "comment": json.dumps(comment, ensure_ascii=False, separators=(",", ":")),
        },
        on_frame=lambda done, total: ctx.progress(done, total, "frames"),
    )
    ctx.metric("video_copied", float(copied))
    return Outputs(video=ctx.save(target, "video", name="talking-head.mp4"))


def _show_parts(ctx: Context, inputs: Inputs) -> None:
    """Make a part of each part of the video, with its sound."""
    from nodes.generate._audio_blocks import AudioReader
    from nodes.generate._sounded_part import BEFORE_S, SoundedParts

    start_s = sum((part.video.length for part in ctx.parts), Fraction(0))
    parts = SoundedParts(AudioReader(inputs.audio, ctx.open, float(start_s) - BEFORE_S, seek=True), start_s)
    for ref in inputs.video.after(len(ctx.parts)):
        path = ctx.workdir / f"part-{len(ctx.parts)}.mp4"
        parts.make(ctx.open(ref), path)
        seen: Facts = {"frames": ref.frames, "fps": ref.fps} if ref.frames and ref.fps else {}
        ctx.parts.append(Part(video=ctx.save(path, "video", **seen)))
