"""``draft_script``: a model writes a script for a prompt, so that a person can edit it before rendering."""

from __future__ import annotations

from typing import Annotated

from workbench.pipelines._speaking_portrait import SCRIPT
from workbench.pipelines.sdk import Input, PipelineGraph, PipelineInputs, pipeline


class Inputs(PipelineInputs):
    prompt: Annotated[
        str, Input(title="Prompt", description="What the script is about.", multiline=True, max_length=20_000)
    ]


@pipeline(
    "draft_script", title="Draft of a script", category="text", steps=(SCRIPT,), result="script.narration", listed=False
)
def build(graph: PipelineGraph, inputs: Inputs) -> None:
    """A model writes a script for a prompt."""
    model = graph.settings.llm_model
    graph.add(SCRIPT, {"prompt": inputs.prompt, **({"model": model} if model else {})})
