"""``talking_head``: makes a talking-head video from a portrait and a text, on the CPU, with models from packages."""

from __future__ import annotations

from workbench.pipelines._speaking_portrait import (
    Approve,
    Label,
    Parts,
    Portrait,
    Prompt,
    Recording,
    Script,
    speaking_portrait,
)
from workbench.pipelines.sdk import Example, PipelineGraph, PipelineInputs, Preset, Step, pipeline


class Inputs(PipelineInputs):
    portrait: Portrait
    prompt: Prompt = ""
    script: Script = ""
    audio: Recording = None
    approve: Approve = False
    label: Label = False


PARTS = Parts(
    speech=Step("speech", "Speech", "generate.hibari_tts", weight=1),
    upscale_portrait=Step("upscale", "Portrait upscaling", "generate.upscale_image", weight=3, optional=True),
    animate=Step("animate", "Animation", "generate.portrait_animation", weight=6),
    evaluate=Step("evaluate", "Evaluation", "evaluate.basic", weight=2, optional=True, tags=("after-video",)),
)
PRESETS = (
    Preset(
        "Calm",
        "A still head and a calm face, like in the news.",
        {"animate": {"sway": 0.4, "expression": 0.2, "blinks_per_minute": 10.0}},
    ),
    Preset(
        "Lively",
        "More movement of the head, brows and cheeks.",
        {"animate": {"sway": 1.5, "expression": 0.9, "blinks_per_minute": 18.0}},
    ),
    Preset(
        "Sharp 1024",
        "1024 x 1024 px from an upscaled portrait: four times the pixels in about four times the time.",
        {"animate": {"size": 1024}, "upscale": {"scale": 4}},
    ),
)
EXAMPLES = (
    Example(
        "A first video",
        "The sample portrait explains something; a model writes the text.",
        {"portrait": "sample", "prompt": "Explain in three short sentences why the sky is blue."},
    ),
    Example(
        "Your own words, calmly",
        "A text of your own, a still head, a slower voice.",
        {
            "portrait": "sample",
            "script": "Good morning. The experiment ran through the night, and every figure is in its place.",
        },
        {"animate": {"sway": 0.4, "expression": 0.3}, "speech": {"speed": 0.9}},
    ),
    Example(
        "Ask me first",
        "The job waits after the text is written until you approve it.",
        {
            "portrait": "sample",
            "prompt": "Introduce a small museum of clocks in two sentences.",
            "approve": True,
        },
    ),
)


@pipeline(
    "talking_head",
    title="Talking head",
    category="video",
    tags=("portrait", "cpu"),
    steps=PARTS.steps,
    result="remux.video",
    presets=PRESETS,
    examples=EXAMPLES,
)
def build(graph: PipelineGraph, inputs: Inputs) -> None:
    """A portrait speaks a script, a text written for a prompt, or a recording; made on the CPU."""
    speaking_portrait(graph, inputs, PARTS)
