"""The file of a LoRA that ``train.lora`` makes: safetensors with what it was trained on, and how.

For image models it is a file of diffusers' own format too: ``load_lora_weights`` of any diffusers program loads it, and
takes rank and alpha from the header.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nodes._torch import safetensors_file
from nodes.sdk import NodeError

MAX_RANK = 1024
WHERE = "input.lora"
_HEADER = "workbench.lora"
_DIFFUSERS_HEADER = "lora_adapter_metadata"


class LoraMetadata(BaseModel):
    """What a LoRA of ``train.lora`` says of itself."""

    model_config = ConfigDict(frozen=True)

    base_class: str = Field(description="Class of the network that it was trained on, such as UNet2DConditionModel.")
    rank: int = Field(ge=1, le=MAX_RANK)
    alpha: float = Field(gt=0, description="Its effect is scaled by alpha / rank.")
    targets: tuple[str, ...] = Field(description="Ends of the names of the modules that it changes.")
    trigger: str = Field("", description="The word in a prompt that calls for what it learned.")
    base_model: str = Field("", description="Name of the model that it was trained on.")
    base_digest: str = Field("", description="Digest of that model's files.")
    licence: str = Field("", description="Licence of that model, which binds what is derived from it.")
    images: tuple[str, ...] = Field((), description="SHA-256 of the images that it was trained on.")
    training: dict[str, Any] = Field(default_factory=dict, description="Parameters of the training.")


def write_lora(
    path: Path,
    tensors: Mapping[str, torch.Tensor],
    metadata: LoraMetadata,
    component: str,
    modules: Collection[str],
) -> None:
    """Write the file. Equal arguments give equal bytes.

    Args:
        tensors: by name inside the network.
        component: the network's name in pipelines: unet or transformer.
        modules: what peft's configuration calls ``target_modules``.
    """
    settings = {"r": metadata.rank, "lora_alpha": metadata.alpha, "target_modules": sorted(modules)}
    header = {
        "format": "pt",
        _HEADER: metadata.model_dump_json(),
        _DIFFUSERS_HEADER: json.dumps({f"{component}.{key}": value for key, value in settings.items()}),
    }
    safetensors_file.write(path, {f"{component}.{key}": tensor for key, tensor in tensors.items()}, header)


def read_metadata(path: Path) -> LoraMetadata | None:
    """What a LoRA file says of itself; None if another program wrote it. Raises NodeError for a damaged file."""
    written = safetensors_file.read_header(path, "LoRA", WHERE).get(_HEADER)
    if written is None:
        return None
    try:
        return LoraMetadata.model_validate_json(written)
    except ValidationError as error:
        raise NodeError(
            "the metadata of the LoRA is damaged",
            where=WHERE,
            seen=str(error.errors()[0]["msg"]),
            allowed="a file of train.lora as it was saved",
            remedy="Use the file that train.lora made.",
        ) from error
