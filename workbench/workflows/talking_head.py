"""``talking_head``: a portrait and a prompt become a talking-head video, on the CPU, with models from packages.

script ──> speech ──┐
upscale ────────────┴─> animate ──> remux ──> evaluate
"""

from __future__ import annotations

from typing import Any

from schemas.errors import WorkbenchError
from schemas.graph import Edge, Node
from workbench.workflows.pipeline import Options, Pipeline, edge

SHARP_ENOUGH = 768  # shorter side in px; a larger portrait gains nothing from the upscaler at the default size


def make(options: Options) -> tuple[list[Node], list[Edge]]:
    """Nodes and edges of the pipeline. Raises WorkbenchError (pipeline.bad_option) without a portrait or a text."""
    portrait = options.portrait
    if portrait is None:
        raise WorkbenchError(
            "pipeline.bad_option",
            "talking_head needs a portrait",
            where="talking_head: portrait",
            seen="nothing",
            allowed="an image file with a face",
            remedy="Give --portrait FILE, or --portrait sample for the packaged one.",
        )
    image = portrait.model_dump(mode="json")
    short_side = min(portrait.width or 0, portrait.height or 0)
    upscale = "upscale" not in options.leave_out and (short_side < SHARP_ENOUGH or "upscale" in options.params)
    nodes = [
        Node(id="script", name="Script", service="llm.generate_script", params=_text(options), progress_weight=2),
        Node(id="speech", name="Speech", service="generate.hibari_tts", progress_weight=1),
        Node(id="animate", name="Animation", service="generate.portrait_animation", progress_weight=6),
        Node(
            id="remux",
            name="Video file",
            service="generate.remux",
            progress_weight=0.5,
            input={"video": "$animate.video", "audio": "$speech.audio"},
        ),
    ]
    edges = [edge("script", "speech"), edge("speech", "animate"), edge("animate", "remux")]
    if upscale:
        nodes.insert(
            2,
            Node(
                id="upscale",
                name="Portrait upscaling",
                service="generate.upscale_image",
                progress_weight=3,
                input={"image": image},
                params={"scale": 4 if short_side * 4 <= 2 * SHARP_ENOUGH else 2},
            ),
        )
        edges.append(edge("upscale", "animate"))
    else:
        nodes[2].input["image"] = image
    if "evaluate" not in options.leave_out:
        nodes.append(
            Node(
                id="evaluate",
                name="Evaluation",
                service="evaluate.basic",
                progress_weight=2,
                tags=["after-video"],
                input={"video": "$remux.video", "narration": "$script.narration", "image": image},
            )
        )
        edges.append(edge("remux", "evaluate"))
    return nodes, edges


def _text(options: Options) -> dict[str, Any]:
    given = {"prompt": options.prompt, "script": options.script}
    return {name: value for name, value in given.items() if value}


TALKING_HEAD = Pipeline(
    name="talking_head",
    doc="A portrait and a prompt (or a script) become a talking-head video, on the CPU.",
    takes=frozenset({"portrait", "prompt", "script"}),
    optional=frozenset({"upscale", "evaluate"}),
    make=make,
    result=("remux", "video"),
)
