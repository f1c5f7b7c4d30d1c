"""Animate a portrait with speech by InfiniteTalk, on a ComfyUI server.

Source: MeiGen-AI/InfiniteTalk over Wan 2.1, both Apache-2.0, run by ComfyUI's own nodes on the lab's server, which this
node calls over HTTP. WORKBENCH_COMFYUI_URL is its address; set it on the machine of the worker of the pool ``comfyui``.
With a single image, the colours drift after about a minute.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import StringConstraints

from nodes.sdk import (
    AudioRef,
    Context,
    Field,
    ImageRef,
    NodeError,
    NodeModel,
    NodeUnavailable,
    PortraitNeeds,
    Resources,
    VideoRef,
    node,
)

FileName = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f]*$")]
NEEDS = PortraitNeeds(  # the model also animates drawings and animals, so no portrait is refused
    face=False,
    without_face="The model animates what it takes for a face, or only the scene.",
    least_face_px=0,
    most_yaw=180,
    most_cut=1,
    turned="The model follows the lips best from the front.",
    covered="The model may paint a mouth on top of it, or leave it still.",
)
FPS = 25  # the frame rate of the model
_SUFFIXES = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
    "audio/wav": ".wav",
    "audio/mpeg": ".mp3",
}


class Params(NodeModel):
    width: int = Field(512, ge=256, le=1280, multiple_of=16, description="Width of the video, in pixels.")
    height: int = Field(512, ge=256, le=1280, multiple_of=16, description="Height of the video, in pixels.")
    steps: int = Field(6, ge=1, le=60, description="Sampling steps: 4 to 8 with the distilled LoRA, 40 without.")
    cfg: float = Field(1.0, ge=0, le=20, description="Guidance: 1 with the distilled LoRA, 5 without.")
    audio_scale: float = Field(1.6, ge=0, le=10, description="How strongly the audio drives the face.")
    shift: float = Field(11.0, ge=0, le=100, description="Shift of the noise schedule: higher for larger images.")
    window: int = Field(81, ge=21, le=161, description="Frames rendered at once: 4 n + 1.")
    motion: int = Field(25, ge=1, le=33, description="Frames that overlap with the next window: 4 n + 1.")
    sampler: str = Field("dpmpp_sde", pattern=r"^[a-z0-9_]{1,40}$", description="ComfyUI's name of the sampler.")
    scheduler: str = Field("simple", pattern=r"^[a-z0-9_]{1,40}$", description="ComfyUI's name of the schedule.")
    prompt: str = Field(
        "", max_length=2000, description="How the speaker looks and acts; if empty, the script's stage prompt."
    )
    max_seconds: float = Field(60.0, gt=0, le=160, description="Maximum length of the speech, in seconds.")
    diffusion_model: FileName = Field(
        "Wan2_1-I2V-14B-480p_fp8_e4m3fn_scaled_KJ.safetensors", description="Wan 2.1 image-to-video, file name."
    )
    lora: FileName = Field(
        "lightx2v_I2V_14B_480p_cfg_step_distill_rank64_bf16.safetensors", description="Distilled LoRA; may be empty."
    )
    infinitetalk_model: FileName = Field("wan2.1_infiniteTalk_single_fp16.safetensors", description="InfiniteTalk.")
    audio_encoder: FileName = Field("wav2vec2-chinese-base_fp16.safetensors", description="Wav2vec 2.")
    text_encoder: FileName = Field("umt5_xxl_fp8_e4m3fn_scaled.safetensors", description="UMT5-XXL.")
    clip_vision: FileName = Field("clip_vision_h.safetensors", description="CLIP vision H; may be empty.")
    vae: FileName = Field("Wan2_1_VAE_bf16.safetensors", description="Wan 2.1 VAE.")


class Inputs(NodeModel):
    image: ImageRef = Field(description="The portrait.")
    audio: AudioRef = Field(description="The speech.")
    stage_prompt: str = Field("", max_length=20_000, description="How the speaker looks and acts.")


class Outputs(NodeModel):
    video: VideoRef = Field(description="mp4 without audio, as long as the speech to within one frame.")
    windows: int = Field(description="Number of rendered windows.")
    engine: Literal["comfyui"] = Field("comfyui", description="The engine that ran the model.")


def check(params: Params, inputs: dict[str, Any]) -> None:
    """Reject at submit lengths that are not 4 n + 1, and windows that are not longer than their overlap."""
    for name in ("window", "motion"):
        if getattr(params, name) % 4 != 1:
            raise NodeError(
                f"`{name}` must be one more than a multiple of four",
                where=f"params.{name}",
                seen=getattr(params, name),
                allowed="5, 9, 13, … 81, 85, …",
                remedy="Use the nearest allowed value. The model packs four frames into one.",
            )
    if params.motion >= params.window:
        raise NodeError(
            "`window` must be greater than `motion`",
            where="params.motion",
            seen=params.motion,
            allowed=f"less than `window`, which is {params.window}",
            remedy="Increase `window` or decrease `motion`.",
        )


@node(
    "generate.infinitetalk",
    version="1.0.0",
    title="InfiniteTalk",
    category="Animation",
    tags=("talking head", "lip sync", "diffusion", "comfyui", "gpu"),
    plane="data",
    pool="comfyui",
    resources=Resources(gpu=1, vram_gib=24, timeout_s=4 * 3600),
    seeded=True,
    check=check,
    portraits={"image": NEEDS},
    same_subject={"video": "image"},
    packages=("av", "numpy", "opencv-python-headless"),
)
def run(ctx: Context, params: Params, inputs: Inputs) -> Outputs:
    """(H, W, 3) portrait, (N,) samples -> (ceil(N / rate * fps), height, width, 3) video, on the server.

    Raises NodeError (node.bad_input) if the speech is too long, and NodeError (node.model_unavailable) if the server
    lacks a model. Raises NodeUnavailable, which is retried, if the server does not respond.
    """
    from nodes.generate._clips import cut_to
    from nodes.generate._comfyui import ComfyUI
    from nodes.generate._infinitetalk import MOST_FRAMES, OUTPUT, Models, Shot, windows, workflow
    from nodes.generate._mux import read_audio_facts

    url = ctx.setting("comfyui_url")
    if not url:
        raise NodeUnavailable(
            "no ComfyUI server is configured",
            where="WORKBENCH_COMFYUI_URL",
            remedy="Set it on the machine of the comfyui worker, e.g. to http://127.0.0.1:8188.",
        )
    speech = read_audio_facts(ctx.open(inputs.audio))
    if speech.duration_s > params.max_seconds:
        raise NodeError(
            "the speech is too long",
            where="audio",
            seen=f"{float(speech.duration_s):.1f} s",
            allowed=f"up to {params.max_seconds:g} s",
            remedy="Increase max_seconds, or use a shorter script.",
        )
    frames = min(MOST_FRAMES, max(1, math.ceil(speech.duration_s * FPS)))
    ctx.log("uploading the image and the audio to ComfyUI")
    server = ComfyUI(url, float(ctx.setting("comfyui_poll_s", "1")))
    shot = Shot(
        image=server.upload(
            ctx.open(inputs.image), inputs.image.sha256, _SUFFIXES.get(inputs.image.media_type, ".png")
        ),
        audio=server.upload(
            ctx.open(inputs.audio), inputs.audio.sha256, _SUFFIXES.get(inputs.audio.media_type, ".wav")
        ),
        prompt=params.prompt or inputs.stage_prompt or "A person is talking to the camera.",
        frames=frames,
        fps=FPS,
        width=params.width,
        height=params.height,
        window=params.window,
        motion=params.motion,
        audio_scale=params.audio_scale,
        steps=params.steps,
        cfg=params.cfg,
        shift=params.shift,
        sampler=params.sampler,
        scheduler=params.scheduler,
        seed=ctx.seed % 2**63,
    )
    models = Models(
        diffusion=params.diffusion_model,
        lora=params.lora,
        infinitetalk=params.infinitetalk_model,
        audio_encoder=params.audio_encoder,
        text_encoder=params.text_encoder,
        clip_vision=params.clip_vision,
        vae=params.vae,
    )
    result = server.run(ctx, workflow(shot, models), OUTPUT)
    fetched = server.fetch(result, ctx.workdir / "fetched.mp4")
    video = cut_to(fetched, ctx.workdir / "video.mp4", frames)
    ctx.progress(1, 1)
    return Outputs(
        video=ctx.save(video, "video", name="infinitetalk.mp4"), windows=windows(frames, params.window, params.motion)
    )
