"""The parameters of train.lora. Imports nothing heavy."""

from __future__ import annotations

from nodes._torch.on_device import OnDevice
from nodes.sdk import Field, ModelName


class Params(OnDevice):
    model: ModelName = Field(
        "sd-1.5", description="The installed model that it is trained on: Stable Diffusion 1.5, SDXL or SVD."
    )
    trigger: str = Field(
        "sks", pattern=r"^[A-Za-z0-9_-]{2,40}$", description="The word in a prompt that calls for the person."
    )
    caption: str = Field(
        "a photo of {trigger} person",
        max_length=400,
        description="Caption of the images that have no .txt file beside them. SVD uses none.",
    )
    rank: int = Field(
        16, ge=1, le=256, description="Size of the LoRA: higher ranks can learn more, and overfit sooner."
    )
    alpha: float = Field(0.0, ge=0, le=1024, description="Its effect is scaled by alpha / rank; 0 for alpha = rank.")
    steps: int = Field(1000, ge=1, le=50_000, description="Steps of the optimizer.")
    learning_rate: float = Field(1e-4, gt=0, le=1, description="Of AdamW, after a short rise.")
    batch_size: int = Field(1, ge=1, le=64, description="Images that are computed at once.")
    gradient_accumulation: int = Field(1, ge=1, le=64, description="Batches for each step; takes no more memory.")
    gradient_checkpointing: bool = Field(
        True, description="Compute intermediate values twice instead of keeping them: less memory, a third slower."
    )
    resolution: int = Field(
        0, ge=0, le=2048, description="Images have about resolution² pixels; 0 for what the model was trained for."
    )
    dropout: float = Field(
        0.1,
        ge=0,
        le=0.9,
        description="Share of the examples trained without their caption, or for SVD without their first frame.",
    )
    frames: int = Field(4, ge=1, le=25, description="Frames of each still clip that SVD is trained on.")
    between_frames: bool = Field(
        False, description="Train also the layers of SVD that work between frames. Stills teach them to stand still."
    )
    checkpoint_every: int = Field(250, ge=1, description="Steps between checkpoints, each about 3 times the LoRA.")
    sample_every: int = Field(250, ge=1, description="Steps between sample images.")
    sample_prompt: str = Field(
        "portrait photo of {trigger} person, looking at the camera",
        max_length=400,
        description="What the sample images show. SVD begins with the first portrait instead.",
    )
    sample_steps: int = Field(20, ge=1, le=100, description="Sampling steps of a sample image.")
