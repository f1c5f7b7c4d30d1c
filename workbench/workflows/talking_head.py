"""``talking_head``: a portrait and a text become a talking-head video, on the CPU, with models from packages.

script ──> review ──> speech ──┐
upscale ───────────────────────┴─> animate ──> remux ──> evaluate

``review`` is there where somebody approves the script. A recording takes the place of script, review and speech.
"""

from __future__ import annotations

from typing import Any

from schemas.graph import Edge, Node
from workbench.workflows.pipeline import Options, Pipeline, Step, edge, refusal

SHARP_ENOUGH = 768  # shorter side in px; a larger portrait gains nothing from the upscaler at the default size

SCRIPT = Step("script", "Script", "llm.generate_script", weight=2)
REVIEW = Step("review", "Approval of the script", "review.script", weight=0)
SPEECH = Step("speech", "Speech", "generate.hibari_tts", weight=1)
UPSCALE = Step("upscale", "Portrait upscaling", "generate.upscale_image", weight=3, optional=True)
ANIMATE = Step("animate", "Animation", "generate.portrait_animation", weight=6)
REMUX = Step("remux", "Video file", "generate.remux", weight=0.5)
EVALUATE = Step("evaluate", "Evaluation", "evaluate.basic", weight=2, optional=True)


def make(options: Options) -> tuple[list[Node], list[Edge]]:
    """Nodes and edges of the pipeline. Raises WorkbenchError (pipeline.bad_option): a script to approve, and none."""
    portrait = options.portrait
    assert portrait is not None  # it is needed: build() looked
    image = portrait.model_dump(mode="json")
    nodes, edges, narration = _speech(options)
    animated: dict[str, Any] = {}
    sound: Any = "$speech.audio"
    if options.audio is not None:
        sound = animated["audio"] = options.audio.model_dump(mode="json")
    short_side = min(portrait.width or 0, portrait.height or 0)
    if "upscale" not in options.leave_out and (short_side < SHARP_ENOUGH or "upscale" in options.params):
        scale = 4 if short_side * 4 <= 2 * SHARP_ENOUGH else 2
        nodes.append(UPSCALE.node(input={"image": image}, params={"scale": scale}))
        edges.append(edge("upscale", "animate"))
    else:
        animated["image"] = image
    nodes += [
        ANIMATE.node(input=animated),
        REMUX.node(input={"video": "$animate.video", "audio": sound}),
    ]
    edges.append(edge("animate", "remux"))
    if "evaluate" not in options.leave_out:
        judged: dict[str, Any] = {"video": "$remux.video", "image": image}
        if narration is not None:  # else there is nothing to compare the words with
            judged["narration"] = narration
        nodes.append(EVALUATE.node(input=judged, tags=["after-video"]))
        edges.append(edge("remux", "evaluate"))
    return nodes, edges


def _speech(options: Options) -> tuple[list[Node], list[Edge], str | None]:
    """What leads to the speech, and where its text is found: nothing and None for a recording."""
    if options.audio is not None:
        if options.approve:
            raise refusal(
                TALKING_HEAD,
                "approve",
                "a recording has no script that could be approved",
                "approve with a prompt or a script",
                "Leave --approve out.",
                seen="audio and approve",
            )
        return [], [], None
    text = {name: value for name in ("prompt", "script") if (value := getattr(options, name))}
    nodes, edges, narration = [SCRIPT.node(params=text)], [], "$script.narration"
    if options.approve:
        nodes.append(REVIEW.node())
        edges.append(edge("script", "review"))
        narration = "$review.narration"
    nodes.append(SPEECH.node())
    edges += [edge(nodes[-2].id, "speech"), edge("speech", "animate")]
    return nodes, edges, narration


TALKING_HEAD = Pipeline(
    name="talking_head",
    title="Talking head",
    doc="A portrait speaks a script, a text written for a prompt, or a recording; made on the CPU.",
    steps=(SCRIPT, REVIEW, SPEECH, UPSCALE, ANIMATE, REMUX, EVALUATE),
    make=make,
    needs=frozenset({"portrait"}),
    one_of=frozenset({"prompt", "script", "audio"}),
    may_take=frozenset({"approve"}),
    result=("remux", "video"),
)
