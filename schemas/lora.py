"""Trained LoRAs by name: each belongs to the newest completed training job of that name."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas.base import Contract
from schemas.refs import FileRef

TRAINING = "train_lora"  # the pipeline whose jobs have the names
LORA_NAME = r"^[a-z0-9_-]{1,64}$"
LoraName = Annotated[str, Field(pattern=LORA_NAME, description="a-z, 0-9, - and _, up to 64 characters.")]


class TrainedLora(Contract):
    """A LoRA that can be given by its name."""

    name: str
    ref: FileRef = Field(description="The file; pipeline options take the name or its digest.")
    trigger: str = Field("", description="The word in a prompt that calls for what it learned.")
    base_model: str = Field("", description="Name of the model that it was trained on.")
    licence: str = Field("", description="Licence of that model by the catalogue, which also binds the LoRA.")
    job_id: str = Field(description="The training.")
    owner: str = Field(description="The user whose job it was.")
    trained_at: float | None = Field(None, description="UTC, seconds since 1970.")
    consent: str = Field(
        "", description="Who stated that the people in the portraits agreed; empty if no consent was needed."
    )
    withdrawn: bool = Field(False, description="Whether that consent was withdrawn: jobs with the LoRA are refused.")
    url: str = Field("", description="URL of the file: /api/artifacts/<sha256>.")


class TrainedLoras(Contract):
    loras: list[TrainedLora] = Field(description="One for each name, newest first.")
