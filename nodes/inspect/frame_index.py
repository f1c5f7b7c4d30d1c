"""Find where each frame of a video is in its file, so that a browser decodes any of them without a demuxer.

Source: own work on PyAV, licence BSD-3-Clause, over the FFmpeg libraries that its wheel bundles.
"""

from __future__ import annotations

from nodes.sdk import Context, Field, JsonRef, NodeError, NodeModel, Resources, VideoRef, node


class Params(NodeModel):
    pass


class Inputs(NodeModel):
    video: VideoRef = Field(description="MP4, MOV, WebM or Matroska with one track of H.264, HEVC, VP8, VP9 or AV1.")


class Outputs(NodeModel):
    index: JsonRef = Field(description="Offset, size and time of each packet, and how to configure a decoder.")
    frames: int = Field(description="Number of frames that are shown.")
    variable: bool = Field(description="Whether the time between frames varies.")


@node(
    "inspect.frame_index",
    version="1.0.0",
    title="Frame index",
    category="Evaluation",
    tags=("frames", "compare", "webcodecs"),
    plane="data",
    resources=Resources(timeout_s=600),
    packages=("av",),
)
def run(ctx: Context, params: Params, inputs: Inputs) -> Outputs:
    """Video -> its frame index, as `GET /api/artifacts/{sha256}/frames` also makes it.

    Raises NodeError (node.bad_input) for a video without frames, of another codec, or cut off.
    """
    import av
    import av.error

    from nodes._frame_index import Damaged, NotIndexed, frame_index

    path = ctx.open(inputs.video)
    try:
        with av.open(str(path)) as container, path.open("rb") as file:
            index = frame_index(container, file, inputs.video.sha256)
    except (NotIndexed, Damaged, av.error.FFmpegError) as reason:
        remedy = reason.remedy if isinstance(reason, NotIndexed) else "Export the video again."
        raise NodeError(f"the video has no frame index: {reason}", where="video", remedy=remedy) from reason
    shown = sum(time >= 0 for time in index.times)
    return Outputs(index=ctx.save(index.to_json(), "json", name="frames.json"), frames=shown, variable=index.variable)
