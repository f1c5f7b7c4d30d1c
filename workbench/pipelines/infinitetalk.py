"""``infinitetalk``: a portrait speaks with the voice of a recording, by F5-TTS and InfiniteTalk on GPU workers."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from workbench.pipelines._speaking_portrait import (
    SCRIPT,
    Approve,
    Label,
    Parts,
    Portrait,
    Prompt,
    Script,
    speaking_portrait,
)
from workbench.pipelines.sdk import AudioRef, FilledBy, Input, PipelineGraph, PipelineInputs, Step, pipeline

Voice = Annotated[AudioRef, Input(title="Voice sample", description="A recording of the voice to use.")]
RefText = Annotated[
    str,
    Input(
        title="Reference text",
        description="The exact words of the voice sample; without it, the sample is transcribed.",
        needs=("voice",),
        multiline=True,
        max_length=20_000,
        filled_by=FilledBy("transcribe", {"audio": "voice"}, "Transcribe it for me"),
    ),
]


class Inputs(PipelineInputs):
    portrait: Portrait
    prompt: Prompt = ""
    script: Script = ""
    voice: Voice
    ref_text: RefText = ""
    approve: Approve = False
    label: Label = False


PARTS = Parts(
    script=replace(SCRIPT, weight=1),
    review=Step("review", "Approval", "review.script", weight=0),
    listen=Step("listen", "Transcript of the voice sample", "evaluate.transcribe", weight=0.5),
    speech=Step("speech", "Speech", "generate.f5_tts", weight=1),
    animate=Step("animate", "Animation", "generate.infinitetalk", weight=20),
    upscale_video=Step("upscale", "Upscaling", "generate.upscale_video", weight=20, optional=True),
    remux=Step("remux", "Video file", "generate.remux", weight=0.2),
)


@pipeline(
    "infinitetalk",
    title="InfiniteTalk",
    category="video",
    tags=("portrait", "voice", "gpu"),
    steps=PARTS.steps,
    result="remux.video",
)
def build(graph: PipelineGraph, inputs: Inputs) -> None:
    """A portrait speaks with the voice of a recording: F5-TTS and InfiniteTalk, on GPU workers and a ComfyUI server."""
    speaking_portrait(graph, inputs, PARTS)
