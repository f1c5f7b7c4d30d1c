"""A pipeline for the talking-head workbench: how loud a recording is, measured by the node of this package."""

from __future__ import annotations

from typing import Annotated, Literal

from workbench.pipelines.sdk import AudioRef, Input, PipelineGraph, PipelineInputs, Step, pipeline

LEVEL = Step("level", "Loudness", "measure.loudness", from_inputs=("floor_dbfs", "block_s"))
_BLOCK_S = {"short": 0.02, "usual": 0.05, "long": 0.4}


class Inputs(PipelineInputs):
    recording: Annotated[AudioRef, Input(title="Recording to measure", description="Speech or music.")]
    floor_dbfs: Annotated[
        float, Input(title="Silence below", description="Quieter blocks count as silence, in dBFS.", ge=-120, le=0)
    ] = -60.0
    blocks: Annotated[
        Literal["short", "usual", "long"], Input(title="Blocks", description="How long the measured blocks are.")
    ] = "usual"


@pipeline("loudness_report", title="Loudness", category="audio", steps=(LEVEL,), result="level.loudness_dbfs")
def build(graph: PipelineGraph, inputs: Inputs) -> None:
    """How loud a recording is, and how much of it is silence."""
    graph.add(LEVEL, {"floor_dbfs": inputs.floor_dbfs, "block_s": _BLOCK_S[inputs.blocks]}, audio=inputs.recording)
