"""InfiniteTalk as a workflow of ComfyUI's own nodes: a sequence of windows over one encoded audio.

Method: Yang et al., "InfiniteTalk: Audio-driven Video Generation for Sparse-Frame Video Dubbing", 2025, over Wan 2.1
image-to-video. The node ``WanInfiniteTalkToVideo`` continues after ``previous_frames`` and returns how many frames of
its window repeat them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

OUTPUT = "save"
MOST_FRAMES = 4096  # the limit of ComfyUI's ImageFromBatch


@dataclass(frozen=True)
class Models:
    """File names as the server lists them."""

    diffusion: str
    lora: str
    infinitetalk: str
    audio_encoder: str
    text_encoder: str
    clip_vision: str
    vae: str


@dataclass(frozen=True)
class Shot:
    """The clip to render.

    Attributes:
        image, audio: names of uploaded files.
        frames: number of frames of the whole clip.
        motion: number of frames at the end of a window that the next window continues.
    """

    image: str
    audio: str
    prompt: str
    frames: int
    fps: int
    width: int
    height: int
    window: int
    motion: int
    audio_scale: float
    steps: int
    cfg: float
    shift: float
    sampler: str
    scheduler: str
    seed: int


def windows(frames: int, window: int, motion: int) -> int:
    """The number of windows that produce this many frames."""
    return 1 + max(0, math.ceil((frames - window) / (window - motion)))


def workflow(shot: Shot, models: Models) -> dict[str, Any]:
    """The workflow in ComfyUI's API format. Its node ``OUTPUT`` saves the video."""
    nodes: dict[str, Any] = {
        "image": _node("LoadImage", image=shot.image),
        "audio": _node("LoadAudio", audio=shot.audio),
        "unet": _node("UNETLoader", unet_name=models.diffusion, weight_dtype="default"),
        "patch": _node("ModelPatchLoader", name=models.infinitetalk),
        "encoder": _node("AudioEncoderLoader", audio_encoder_name=models.audio_encoder),
        "heard": _node("AudioEncoderEncode", audio_encoder=["encoder", 0], audio=["audio", 0]),
        "clip": _node("CLIPLoader", clip_name=models.text_encoder, type="wan", device="default"),
        "positive": _node("CLIPTextEncode", text=shot.prompt, clip=["clip", 0]),
        "negative": _node("ConditioningZeroOut", conditioning=["positive", 0]),
        "vae": _node("VAELoader", vae_name=models.vae),
    }
    model = ["unet", 0]
    if models.lora:
        nodes["lora"] = _node("LoraLoaderModelOnly", model=model, lora_name=models.lora, strength_model=1.0)
        model = ["lora", 0]
    nodes["shift"] = _node("ModelSamplingSD3", model=model, shift=shot.shift)
    seen: dict[str, Any] = {"start_image": ["image", 0]}
    if models.clip_vision:
        nodes["vision"] = _node("CLIPVisionLoader", clip_name=models.clip_vision)
        nodes["looked"] = _node("CLIPVisionEncode", clip_vision=["vision", 0], image=["image", 0], crop="center")
        seen["clip_vision_output"] = ["looked", 0]
    made: list[Any] = []  # the frames so far
    for index in range(windows(shot.frames, shot.window, shot.motion)):
        made = _window(nodes, shot, index, seen, made)
    nodes["cut"] = _node("ImageFromBatch", image=made, batch_index=0, length=shot.frames)
    nodes["video"] = _node("CreateVideo", images=["cut", 0], fps=float(shot.fps))
    nodes[OUTPUT] = {
        "class_type": "SaveVideo",
        "inputs": {
            "video": ["video", 0],
            "filename_prefix": "workbench/infinitetalk",
            "format": "auto",
            "format.codec": "auto",
        },
    }
    return nodes


def _window(nodes: dict[str, Any], shot: Shot, index: int, seen: dict[str, Any], made: list[Any]) -> list[Any]:
    """Add the nodes of one window. Returns the link to all frames up to its end."""
    begin, sample, decode = f"window{index}", f"sample{index}", f"decode{index}"
    nodes[begin] = _node(
        "WanInfiniteTalkToVideo",
        mode="single_speaker",
        model=["shift", 0],
        model_patch=["patch", 0],
        positive=["positive", 0],
        negative=["negative", 0],
        vae=["vae", 0],
        width=shot.width,
        height=shot.height,
        length=shot.window,
        audio_encoder_output_1=["heard", 0],
        motion_frame_count=shot.motion,
        audio_scale=shot.audio_scale,
        **seen,
        **({"previous_frames": made} if made else {}),
    )
    nodes[sample] = _node(
        "KSampler",
        model=[begin, 0],
        positive=[begin, 1],
        negative=[begin, 2],
        latent_image=[begin, 3],
        seed=shot.seed + index,
        steps=shot.steps,
        cfg=shot.cfg,
        sampler_name=shot.sampler,
        scheduler=shot.scheduler,
        denoise=1.0,
    )
    nodes[decode] = _node("VAEDecode", samples=[sample, 0], vae=["vae", 0])
    if not made:
        return [decode, 0]
    nodes[f"new{index}"] = _node("ImageFromBatch", image=[decode, 0], batch_index=[begin, 4], length=MOST_FRAMES)
    nodes[f"so_far{index}"] = _node("ImageBatch", image1=made, image2=[f"new{index}", 0])
    return [f"so_far{index}", 0]


def _node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}
