"""``infinitetalk``: a portrait speaks in the voice of a recording, by F5-TTS and InfiniteTalk on GPU workers.

script ──> (review) ──┐
(listen) ─────────────┴─> speech ──> animate ──> (upscale) ──> remux
"""

from __future__ import annotations

from typing import Any

from schemas.graph import Edge, Node
from workbench.workflows.pipeline import Options, Pipeline, Step, edge

SCRIPT = Step("script", "Script", "llm.generate_script", weight=1)
REVIEW = Step("review", "Approval", "review.script", weight=0)
LISTEN = Step("listen", "Transcript of the voice sample", "evaluate.transcribe", weight=0.5)
SPEECH = Step("speech", "Speech", "generate.f5_tts", weight=1)
ANIMATE = Step("animate", "Animation", "generate.infinitetalk", weight=20)
UPSCALE = Step("upscale", "Upscaling", "generate.upscale_video", weight=20, optional=True)
REMUX = Step("remux", "Video file", "generate.remux", weight=0.2)


def make(options: Options) -> tuple[list[Node], list[Edge]]:
    """Nodes and edges. The voice sample is transcribed where nobody says what is said in it."""
    assert options.portrait is not None and options.voice is not None  # both are needed: it was checked
    voice = options.voice.model_dump(mode="json")
    text = {name: value for name in ("prompt", "script") if (value := getattr(options, name))}
    nodes, edges, said = [SCRIPT.node(params=text)], [], "script"
    if options.approve:
        nodes.append(REVIEW.node())
        edges.append(edge("script", "review"))
        said = "review"
    ref_text = options.ref_text.strip()
    if ref_text.startswith("$"):
        ref_text = f"${ref_text}"  # a text, not a reference to a node
    spoken: dict[str, Any] = {"narration": f"${said}.narration", "voice": voice, "ref_text": ref_text}
    edges.append(edge(said, "speech"))
    if not ref_text:
        nodes.append(LISTEN.node(input={"audio": voice}))
        edges.append(edge("listen", "speech"))
        spoken["ref_text"] = "$listen.text"
    image = options.portrait.model_dump(mode="json")
    nodes += [
        SPEECH.node(input=spoken),
        ANIMATE.node(input={"image": image, "audio": "$speech.audio", "stage_prompt": f"${said}.stage_prompt"}),
    ]
    edges.append(edge("speech", "animate"))
    video = "animate"
    if "upscale" not in options.leave_out:
        nodes.append(UPSCALE.node(input={"video": "$animate.video"}))
        edges.append(edge("animate", "upscale"))
        video = "upscale"
    nodes.append(REMUX.node(input={"video": f"${video}.video", "audio": "$speech.audio"}))
    edges.append(edge(video, "remux"))
    return nodes, edges


INFINITETALK = Pipeline(
    name="infinitetalk",
    title="InfiniteTalk",
    doc="A portrait speaks in the voice of a recording: F5-TTS and InfiniteTalk, on GPU workers and a ComfyUI server.",
    steps=(SCRIPT, REVIEW, LISTEN, SPEECH, ANIMATE, UPSCALE, REMUX),
    make=make,
    needs=frozenset({"portrait", "voice"}),
    one_of=frozenset({"prompt", "script"}),
    may_take=frozenset({"ref_text", "approve"}),
    result=("remux", "video"),
)
