"""Put the sound under the silent video and write into the file what made it.

Source: own work on PyAV, licence BSD-3-Clause, over FFmpeg, x264 and FFmpeg's AAC encoder as bundled with PyAV's wheel.
H.264 in yuv420p is copied packet by packet, without loss and in milliseconds; anything else is encoded.
"""

from __future__ import annotations

import json

from nodes.sdk import AudioRef, Context, Field, NodeModel, Resources, VideoRef, node

NOTICE = "synthetic media made by talking-head-workbench"


class Params(NodeModel):
    audio_bitrate_kbps: int = Field(128, ge=32, le=320, description="Bit rate of the sound (AAC) in kbit/s.")
    crf: int = Field(
        18, ge=0, le=40, description="Quality where the video must be encoded: lower is better; 18 looks lossless."
    )
    title: str = Field("", max_length=200, description="Title written into the file; empty: the workflow's name.")


class Inputs(NodeModel):
    video: VideoRef = Field(description="The pictures. A sound track of its own is left out.")
    audio: AudioRef = Field(description="The sound; the result is as long as it, to within one frame.")


class Outputs(NodeModel):
    video: VideoRef = Field(description="mp4 (H.264, AAC) that starts playing before it is loaded to the end.")


@node(
    "generate.remux",
    version="1.0.0",
    title="Final video",
    category="Video",
    tags=("mp4", "mux", "provenance"),
    plane="data",
    resources=Resources(timeout_s=1800),
    packages=("av",),
    advanced=("audio_bitrate_kbps", "crf", "title"),
)
def run(ctx: Context, params: Params, inputs: Inputs) -> Outputs:
    """Video and audio files -> one mp4; the same inputs, parameters and provenance give the same bytes.

    The video shows the frames that begin before the sound ends: more are dropped, missing ones are the last one again.
    The file's comment is JSON: a notice that the media is synthetic, and the provenance the runner knows.

    Raises NodeError (node.bad_input): an input that cannot be read, audio without samples, video without frames.
    """
    from nodes.generate._mux import mux

    target = ctx.workdir / "talking-head.mp4"
    comment = {"notice": NOTICE, **{key: ctx.provenance[key] for key in sorted(ctx.provenance)}}
    copied = mux(
        ctx.open(inputs.video),
        ctx.open(inputs.audio),
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
