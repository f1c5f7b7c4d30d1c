"""What generate.image is asked for: its parameters and inputs. Imports nothing heavy."""

from __future__ import annotations

from nodes._torch.on_device import OnPipeline
from nodes.sdk import Field, FileRef, ModelName, NodeModel


class Params(OnPipeline):
    model: ModelName = Field("sdxl-base-1.0", description="The installed model: Stable Diffusion 1.5, SDXL or Flux.")
    prompt: str = Field("", max_length=4000, description="What the image shows; if empty, the script's stage prompt.")
    prompt_prefix: str = Field(
        "", max_length=400, description="Put before the prompt. The trigger word of a LoRA is added without it."
    )
    negative_prompt: str = Field("", max_length=4000, description="What the image must not show.")
    width: int = Field(
        0, ge=0, le=2048, multiple_of=8, description="Width, in pixels; 0 for the one that the model was trained for."
    )
    height: int = Field(
        0, ge=0, le=2048, multiple_of=8, description="Height, in pixels; 0 for the one that the model was trained for."
    )
    steps: int = Field(0, ge=0, le=200, description="Sampling steps; 0 for the usual number of the kind of model.")
    guidance: float = Field(
        0.0,
        ge=0,
        le=30,
        description="How closely it follows the prompt; 0 for the usual value of the kind of model, 1 for no guidance, "
        "as distilled models need.",
    )
    negative_guidance: float = Field(
        4.0,
        ge=1,
        le=20,
        description="How far Flux keeps away from a negative prompt, which doubles its time; without effect on others.",
    )
    face: bool = Field(True, description="Whether the image must show exactly one whole face.")
    tries: int = Field(4, ge=1, le=32, description="How many seeds are tried for an image with one whole face.")
    attention_slicing: bool = Field(False, description="Attention in slices: less memory, slower; not for Flux.")
    vae_tiling: bool = Field(False, description="Decode in tiles: less memory for large images, faint seams.")


class Inputs(NodeModel):
    stage_prompt: str = Field("", max_length=20_000, description="How the speaker looks and acts.")
    lora: FileRef | None = Field(None, description="A LoRA for the model, as one safetensors file.")
