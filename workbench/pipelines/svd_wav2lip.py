"""``svd_wav2lip``: a clip of a portrait by Stable Video Diffusion, made to speak by Wav2Lip, on workers with torch."""

from __future__ import annotations

from typing import Annotated

from workbench.pipelines._speaking_portrait import (
    Approve,
    Label,
    Parts,
    Prompt,
    Recording,
    Script,
    speaking_portrait,
)
from workbench.pipelines.sdk import (
    FileRef,
    ImageRef,
    Input,
    PipelineGraph,
    PipelineInputs,
    Step,
    option_error,
    pipeline,
)

Portrait = Annotated[
    ImageRef | None,
    Input(
        title="Portrait",
        description="Image file with a face; without it, a model makes one from the scene.",
        sample="sample",
    ),
]
Scene = Annotated[
    str,
    Input(
        title="Scene",
        description="Who speaks, and where, for a portrait that is made. With a prompt it may be left empty: the model "
        "that writes the script describes it.",
        multiline=True,
        max_length=4000,
        example="A woman in her thirties in a bright library, head and shoulders, soft light.",
    ),
]
Lora = Annotated[
    FileRef | None,
    Input(
        title="Character LoRA",
        description="A LoRA for the model that makes the portrait: the name of a trained one, or a safetensors file. "
        "The trigger word of a trained one is put into the prompt.",
        holds="lora",
    ),
]
ClipLora = Annotated[
    FileRef | None,
    Input(
        title="LoRA of the clip",
        description="A LoRA that was trained for Stable Video Diffusion: the name, or a safetensors file.",
        holds="lora",
    ),
]


class Inputs(PipelineInputs):
    portrait: Portrait = None
    scene: Scene = ""
    prompt: Prompt = ""
    script: Script = ""
    audio: Recording = None
    lora: Lora = None
    clip_lora: ClipLora = None
    approve: Approve = False
    label: Label = False


PARTS = Parts(
    speech=Step("speech", "Speech", "generate.hibari_tts", weight=1),
    make_portrait=Step("portrait", "Portrait", "generate.image", weight=4),
    clip=Step("clip", "Clip", "generate.svd", weight=10, optional=True),
    animate=Step("animate", "Lips", "generate.wav2lip", weight=6),
    upscale_video=Step("upscale", "Upscaling", "generate.upscale_video_torch", weight=8, optional=True),
    evaluate=Step("evaluate", "Evaluation", "evaluate.basic", weight=2, optional=True, tags=("after-video",)),
)


@pipeline(
    "svd_wav2lip",
    title="SVD and Wav2Lip",
    category="video",
    tags=("portrait", "diffusion", "lora", "gpu"),
    steps=PARTS.steps,
    result="remux.video",
)
def build(graph: PipelineGraph, inputs: Inputs) -> None:
    """A clip of a portrait, given or made from a description, speaks: diffusion, Wav2Lip and upscaling by torch.

    Without the clip, Wav2Lip animates the still portrait.
    """
    if inputs.portrait is not None and inputs.scene:
        raise option_error(
            "svd_wav2lip",
            "scene",
            "a scene is only used where no portrait is given",
            "a portrait, or a scene",
            "Leave out one of the two.",
            seen=inputs.scene[:100],
        )
    if inputs.portrait is None and not inputs.scene and not inputs.prompt:
        raise option_error(
            "svd_wav2lip",
            "portrait, scene",
            "nothing says who speaks",
            "a portrait, a scene, or a prompt, for which a model describes the scene",
            "Give one of them.",
            seen="neither",
        )
    if inputs.portrait is not None and inputs.lora is not None:
        raise option_error(
            "svd_wav2lip",
            "lora",
            "the LoRA is for the model that makes the portrait, but a portrait is given",
            "a portrait, or a LoRA",
            "Leave out one of the two.",
            seen=inputs.lora.name or inputs.lora.sha256[:12],
        )
    if PARTS.clip is not None and graph.leaves_out(PARTS.clip) and inputs.clip_lora is not None:
        raise option_error(
            "svd_wav2lip",
            "clip_lora",
            "the LoRA is for the model that makes the clip, but the clip is left out",
            "a clip, or no LoRA for it",
            "Leave out the LoRA, or keep the step `clip`.",
            seen=inputs.clip_lora.name or inputs.clip_lora.sha256[:12],
        )
    speaking_portrait(graph, inputs, PARTS)
