"""``transcribe``: the words of a recording, with the time of each word."""

from __future__ import annotations

from typing import Annotated

from workbench.pipelines.sdk import AudioRef, Input, PipelineGraph, PipelineInputs, Step, pipeline

TRANSCRIPT = Step("transcript", "Transcript", "evaluate.transcribe")


class Inputs(PipelineInputs):
    audio: Annotated[AudioRef, Input(title="Recording", description="A recording of speech.")]


@pipeline(
    "transcribe", title="Transcript", category="text", steps=(TRANSCRIPT,), result="transcript.text", listed=False
)
def build(graph: PipelineGraph, inputs: Inputs) -> None:
    """The words of a recording, with the time of each word."""
    graph.add(TRANSCRIPT, audio=inputs.audio)
