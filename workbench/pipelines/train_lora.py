"""``train_lora``: a LoRA of a person, trained on portraits, which other pipelines take by its name."""

from __future__ import annotations

from typing import Annotated

from nodes.catalogue import NAME
from schemas.lora import LORA_NAME, TRAINING
from workbench.pipelines.sdk import FileRef, Input, PipelineGraph, PipelineInputs, Step, pipeline

TRAIN = Step("train", "Training", "train.lora", from_inputs=("model", "trigger"))

Name = Annotated[
    str,
    Input(
        title="Name",
        description="By which other pipelines take the LoRA: a-z, 0-9, - and _. A later training of the same name "
        "replaces it.",
        example="ada",
        pattern=LORA_NAME,
    ),
]
Portraits = Annotated[
    FileRef,
    Input(
        title="Portraits",
        description="A zip of portraits of one person, each with a .txt caption beside it or without; 15 or more.",
        holds="portraits",
    ),
]
Trigger = Annotated[
    str,
    Input(
        title="Trigger word",
        description="The word in a prompt that calls for the person: one that means nothing else.",
        example="sks",
        pattern=r"^[A-Za-z0-9_-]{2,40}$",
    ),
]
Model = Annotated[
    str,
    Input(
        title="Base model",
        description="The installed model that it is trained on: Stable Diffusion 1.5, SDXL or SVD. Its licence also "
        "binds the LoRA.",
        example="sd-1.5",
        pattern=f"^{NAME}$",
    ),
]


class Inputs(PipelineInputs):
    name: Name
    images: Portraits
    trigger: Trigger = "sks"
    model: Model = "sd-1.5"


@pipeline(
    TRAINING,
    title="Train a LoRA",
    category="training",
    tags=("lora", "character", "gpu"),
    steps=(TRAIN,),
    result="train.lora",
)
def build(graph: PipelineGraph, inputs: Inputs) -> None:
    """A LoRA that teaches a model what a person looks like, trained on a zip of portraits."""
    graph.add(TRAIN, {"model": inputs.model, "trigger": inputs.trigger}, images=inputs.images)
