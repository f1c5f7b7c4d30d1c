"""Write a visible label such as "AI-generated" into every frame of a video, in a corner on a dark field.

Source: own work on PyAV, licence BSD-3-Clause, and Pillow, licence MIT-CMU, with the font in Pillow's package (Aileron,
CC0). The frames are encoded anew, so the label stays when metadata and manifests are removed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from nodes.generate._part_layout import CUT
from nodes.generate._video_parts import VideoPart, join_parts, make_parts
from nodes.sdk import Context, Field, InParts, NodeError, NodeModel, Resources, VideoRef, node

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nodes.generate._incoming_clip import IncomingClip


class Params(NodeModel):
    text: str = Field("AI-generated", min_length=1, max_length=60, description="What the label says.")
    corner: Literal["top-left", "top-right", "bottom-left", "bottom-right"] = Field(
        "bottom-right", description="Where the label stands."
    )
    height: float = Field(
        0.04, ge=0.02, le=0.2, description="Height of the letters as a share of the shorter side of the video."
    )
    crf: int = Field(17, ge=0, le=40, description="Quality of the encoding: lower is better; 17 looks lossless.")


class Inputs(NodeModel):
    video: InParts[VideoRef] = Field(description="The video; its audio is dropped.")


class Outputs(NodeModel):
    video: VideoRef = Field(description="The labelled video: h264 in mp4, with equally many frames, without audio.")


@node(
    "generate.label",
    version="1.1.0",
    title="Visible label",
    category="Video",
    tags=("label", "disclosure", "mp4"),
    plane="data",
    resources=Resources(timeout_s=3600),
    same_subject={"video": "video"},
    packages=("av", "numpy", "opencv-python-headless", "pillow"),
    part=VideoPart,
    advanced=("corner", "height", "crf"),
)
def run(ctx: Context, params: Params, inputs: Inputs) -> Outputs:
    """(T, H, W, 3) uint8 -> the same shape. Equal inputs and parameters give equal bytes, however the video came.

    Raises NodeError (node.bad_input) if the input is not a video, or the label is wider than the video.
    """
    from nodes.generate._incoming_clip import IncomingClip

    clip = IncomingClip(ctx, inputs.video)
    make_parts(ctx, _labelled(ctx, params, clip), clip.fps, params.crf)
    return Outputs(video=join_parts(ctx, clip.fps, "labelled.mp4"))


def _labelled(ctx: Context, params: Params, clip: IncomingClip) -> Iterator[NDArray[Any]]:
    """The frames after the finished parts, with their label."""
    import numpy as np

    field = _field(params, clip.width, clip.height)
    top, left = _corner(params.corner, (clip.height, clip.width), field.shape[:2])
    start = CUT.start(len(ctx.parts))
    for done, rgb in enumerate(clip.frames(start), start + 1):
        labelled = np.array(rgb)
        labelled[top : top + field.shape[0], left : left + field.shape[1]] = field
        yield labelled
        ctx.progress(done, clip.known_frames(), "frames")


def _field(params: Params, width: int, height: int) -> NDArray[Any]:
    """(h, w, 3) uint8: the text on a dark field. It is opaque, so that the picture cannot make it unreadable."""
    import numpy as np
    from PIL import Image, ImageDraw, ImageFont

    size = max(10, round(min(width, height) * params.height))
    font, margin = ImageFont.load_default(size), size // 2
    left, top, right, bottom = font.getbbox(params.text)
    field = Image.new("RGB", (round(right - left) + 2 * margin, round(bottom - top) + 2 * margin), (16, 16, 16))
    if field.width > width or field.height > height:
        raise NodeError(
            "the label does not fit into the video",
            where="text",
            seen=f"{field.width} x {field.height} px for {params.text!r}",
            allowed=f"{width} x {height} px",
            remedy="Shorten the text, or reduce the height of its letters.",
        )
    ImageDraw.Draw(field).text((margin - left, margin - top), params.text, (255, 255, 255), font)
    return np.asarray(field)


def _corner(corner: str, video: tuple[int, ...], field: tuple[int, ...]) -> tuple[int, int]:
    """Top and left edge of the field. An odd last row or column of the video is cropped by the encoder."""
    top = 0 if corner.startswith("top") else video[0] // 2 * 2 - field[0]
    left = 0 if corner.endswith("left") else video[1] // 2 * 2 - field[1]
    return max(0, top), max(0, left)
