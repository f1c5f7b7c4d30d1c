"""The graph that ``talking_head`` builds, and what pipelines refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nodes.identity import Identity
from nodes.registry import services
from schemas.errors import WorkbenchError
from schemas.graph import Graph
from schemas.refs import FileRef
from tests.pipelines.graphs import AUDIO, DIGEST, arrows, graph_of, ids, portrait
from workbench.engine.validate import run_checks, validate
from workbench.pipelines.registry import find_pipeline, pipelines
from workbench.pipelines.sdk.building import steps_used


def graph(side: int = 512, **options: Any) -> Graph:
    return graph_of("talking_head", portrait=portrait(side), script="Hello.", **options)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"leave_out": frozenset({"upscale"})},
        {"leave_out": frozenset({"evaluate"})},
        {"leave_out": frozenset({"evaluate", "upscale"})},
        {"side": 2000},
        {"params": {"animate": {"sway": 0.3}}},
    ],
    ids=["all", "no upscale", "no evaluate", "neither", "large", "changed"],
)
def test_whatever_is_chosen_the_engine_accepts_the_graph(options: dict[str, Any]) -> None:
    checked = validate(graph(**options), services(), lambda declaration: Identity())
    assert [node.id for node in checked.graph.nodes] == ids(graph(**options))
    assert checked.order.index("speech") < checked.order.index("animate") < checked.order.index("remux")


def test_nodes_stand_in_the_order_in_which_they_can_run() -> None:
    built = graph()
    assert ids(built) == ["script", "speech", "upscale", "animate", "remux", "evaluate"]
    assert all(ids(built).index(a) < ids(built).index(b) for a, b in arrows(built))


def test_the_portrait_reaches_the_animation_through_the_upscaler_or_directly() -> None:
    upscaled = graph()
    assert ("upscale", "animate") in arrows(upscaled)
    assert upscaled.node("upscale").input["image"]["sha256"] == DIGEST
    assert upscaled.node("animate").input["image"] == "$upscale.image"
    direct = graph(leave_out=frozenset({"upscale"}))
    assert "upscale" not in ids(direct)
    assert direct.node("animate").input["image"]["sha256"] == DIGEST
    assert arrows(direct) == {("script", "speech"), ("speech", "animate"), ("animate", "remux"), ("remux", "evaluate")}


@pytest.mark.parametrize(
    ("side", "scale"), [(128, 4), (384, 4), (385, 2), (512, 2), (767, 2), (768, None), (2000, None)]
)
def test_only_a_portrait_that_is_too_small_is_upscaled(side: int, scale: int | None) -> None:
    built = graph(side)
    assert ("upscale" in ids(built)) == (scale is not None)
    if scale is not None:
        assert built.node("upscale").params["scale"] == scale


def test_a_setting_of_the_upscaler_asks_for_it_whatever_the_size() -> None:
    assert graph(2000, params={"upscale": {"scale": 2}}).node("upscale").params == {"scale": 2}


def test_without_evaluation_the_video_is_the_last_output() -> None:
    built = graph(leave_out=frozenset({"evaluate"}))
    assert "evaluate" not in ids(built)
    assert find_pipeline("talking_head").result == ("remux", "video")
    assert not [edge for edge in built.edges if edge.from_ == "remux"]


def test_text_seed_and_settings_arrive_where_they_belong() -> None:
    settings: dict[str, Any] = {"seed": 7, "params": {"animate": {"sway": 0.3}}, "fresh": True}
    built = graph_of("talking_head", portrait=portrait(), prompt="The sea.", **settings)
    assert built.node("script").params == {"prompt": "The sea."}
    assert built.node("animate").params == {"sway": 0.3}
    assert built.context == {"seed": 7, "cache": False}
    assert built.workflow_id == "talking_head"
    assert graph().context == {"seed": 0}


@pytest.mark.parametrize(
    ("pipeline", "options", "words"),
    [
        ("talking_head", {"script": "Hi."}, ("`portrait` is missing", "--portrait")),
        ("talking_head", {"portrait": portrait()}, ("one of prompt, script, audio", "--audio FILE", "none of them")),
        ("talking_head", {"portrait": portrait(), "script": " \n"}, ("one of prompt, script, audio", "none of them")),
        (
            "talking_head",
            {"portrait": portrait(), "script": "Hi.", "prompt": "Sea."},
            ("not prompt and script at once", "Leave --prompt or --script out"),
        ),
        ("talking_head", {"portrait": portrait(), "script": "Hi.", "audio": AUDIO}, ("not script and audio at once",)),
        (
            "talking_head",
            {"portrait": portrait(), "audio": AUDIO, "approve": True},
            ("approve needs prompt or script", "leave --approve out"),
        ),
        (
            "talking_head",
            {"portrait": portrait(), "script": "Hi.", "voice": AUDIO},
            ("does not use voice", "portrait, prompt, script, audio, approve", "Leave --voice out"),
        ),
        ("talking_head", {"portrait": portrait(), "script": "Hi.", "ref_text": "Ho."}, ("ref_text", "--ref-text")),
        (
            "talking_head",
            {"portrait": portrait(), "script": "Hi.", "leave_out": frozenset({"speech"})},
            ("speech", "evaluate, upscale"),
        ),
        (
            "talking_head",
            {"portrait": portrait(), "script": "Hi.", "params": {"animat": {"sway": 1}}},
            ("animat", "animate"),
        ),
        (
            "talking_head",
            {"portrait": portrait(), "audio": AUDIO, "params": {"speech": {"speed": 1}}},
            ("no node speech",),
        ),
        ("capabilities", {"script": "Hi."}, ("does not use script", "Hi.", "Leave --script out")),
        ("capabilities", {"leave_out": frozenset({"merge"})}, ("merge cannot be left out", "nothing")),
        ("draft_script", {}, ("`prompt` is missing", "--prompt")),
        ("draft_script", {"prompt": "The sea.", "script": "Hi."}, ("does not use script",)),
        ("transcribe", {}, ("`audio` is missing", "--audio FILE")),
    ],
    ids=[
        "portrait",
        "no text",
        "blank text",
        "two texts",
        "text and recording",
        "approved recording",
        "voice",
        "reference text",
        "leave out",
        "unknown node",
        "node of another variant",
        "unused option",
        "nothing optional",
        "no prompt",
        "a script to draft",
        "nothing to hear",
    ],
)
def test_options_that_do_not_fit_are_refused(pipeline: str, options: dict[str, Any], words: tuple[str, ...]) -> None:
    with pytest.raises(WorkbenchError) as refused:
        graph_of(pipeline, **options)
    assert refused.value.code == "pipeline.bad_option"
    assert [word for word in words if word not in str(refused.value)] == []
    assert refused.value.remedy


def test_a_recording_replaces_script_and_speech() -> None:
    built = graph_of("talking_head", portrait=portrait(), audio=AUDIO)
    assert ids(built) == ["upscale", "animate", "remux", "evaluate"]
    assert arrows(built) == {("upscale", "animate"), ("animate", "remux"), ("remux", "evaluate")}
    for node in ("animate", "remux"):
        assert built.node(node).input["audio"]["sha256"] == AUDIO.sha256
    assert "narration" not in built.node("evaluate").input
    large = graph_of("talking_head", portrait=portrait(2000), audio=AUDIO, leave_out=frozenset({"evaluate"}))
    assert ids(large) == ["animate", "remux"]


def test_an_approval_node_is_between_script_and_speech() -> None:
    built = graph(approve=True)
    assert ids(built) == ["script", "review", "speech", "upscale", "animate", "remux", "evaluate"]
    assert {("script", "review"), ("review", "speech")} <= arrows(built)
    assert ("script", "speech") not in arrows(built)
    checked = validate(built, services(), lambda declaration: Identity()).graph
    assert checked.node("review").input["narration"] == "$script.narration"
    assert checked.node("review").input["stage_prompt"] == "$script.stage_prompt"
    assert checked.node("speech").input["narration"] == "$review.narration"
    assert checked.node("evaluate").input["narration"] == "$speech.narration"


# Options with which a pipeline's graph has as many of its nodes as it can.
FULL = {
    "talking_head": [
        {"portrait": portrait(), "script": "Hi.", "approve": True, "label": True},
        {"portrait": portrait(), "audio": AUDIO},
    ],
    "infinitetalk": [
        {"portrait": portrait(), "voice": AUDIO, "ref_text": "Hi.", "prompt": "The sea.", "approve": True},
        {"portrait": portrait(), "voice": AUDIO, "script": "Hi.", "label": True},
    ],
    "svd_wav2lip": [
        {"scene": "A man on a boat.", "script": "Hi.", "approve": True, "label": True},
        {"portrait": portrait(), "prompt": "The sea."},
    ],
    "draft_script": [{"prompt": "The sea."}],
    "train_lora": [{"name": "ada", "images": FileRef(sha256=DIGEST, media_type="application/zip")}],
    "transcribe": [{"audio": AUDIO}],
    "capabilities": [{}],
}


@pytest.mark.parametrize("name", pipelines())
def test_every_pipeline_makes_the_nodes_it_describes(name: str) -> None:
    pipeline = find_pipeline(name)
    assert name == pipeline.name
    described = {step.id: step.service for step in pipeline.steps}
    made: dict[str, str] = {}
    for options in FULL[name]:
        built = graph_of(name, **options)
        checked = validate(built, services(), lambda declaration: Identity()).graph
        made |= {node.id: node.service for node in built.nodes}
        assert {node for arrow in arrows(built) for node in arrow} <= set(ids(built))
        assert [node for node in described if node in ids(built)] == ids(built), "in the order of the description"
        for step in pipeline.steps:
            assert set(step.from_inputs) <= set(services()[step.service].params.model_fields)
        assert checked.workflow_id == name
    assert made == described
    assert set(described.values()) <= set(services())
    if pipeline.result is not None:
        assert pipeline.result[1] in services()[described[pipeline.result[0]]].outputs.model_fields


def test_a_pipeline_describes_itself() -> None:
    view = find_pipeline("talking_head").view()
    assert (view.name, view.title, view.listed, view.result) == ("talking_head", "Talking head", True, "remux.video")
    assert {one.name: (one.kind, one.use, one.group) for one in view.inputs} == {
        "portrait": ("image", "needed", []),
        "prompt": ("text", "one_of", ["prompt", "script", "audio"]),
        "script": ("text", "one_of", ["prompt", "script", "audio"]),
        "audio": ("audio", "one_of", ["prompt", "script", "audio"]),
        "approve": ("switch", "optional", []),
        "label": ("switch", "optional", []),
    }
    assert view.reviews == ["review"]
    assert [step.id for step in view.steps if step.optional] == ["upscale", "evaluate"]
    listed = [one.name for one in pipelines().values() if one.listed]
    assert listed == ["talking_head", "infinitetalk", "svd_wav2lip", "train_lora"]
    for pipeline in pipelines().values():
        assert pipeline.title and pipeline.doc.count(".") == 1 and pipeline.doc.endswith(".")


def test_the_used_steps_depend_on_the_options() -> None:
    pipeline = find_pipeline("talking_head")
    given = {"portrait": "0" * 64, "prompt": "Why?"}
    assert "review" not in steps_used(pipeline, given) and "speech" in steps_used(pipeline, given)
    assert "review" in steps_used(pipeline, {**given, "approve": True})
    assert "upscale" not in steps_used(pipeline, given, ["upscale"])
    recording = {"portrait": "0" * 64, "audio": "0" * 64}
    assert steps_used(pipeline, recording) == {"upscale", "animate", "remux", "evaluate"}


@pytest.mark.parametrize("approve", [False, True])
def test_the_voice_judges_a_script_before_anything_runs(approve: bool) -> None:
    def told(script: str) -> list[str]:
        whole = graph_of("talking_head", portrait=portrait(512), script=script, approve=approve)
        spoken = ("script", "review", "speech")
        nodes = [node for node in whole.nodes if node.id in spoken]
        edges = [edge for edge in whole.edges if {edge.from_, edge.to} <= set(spoken)]
        only = whole.model_copy(update={"nodes": nodes, "edges": edges})
        found = run_checks(validate(only, services(), lambda declaration: Identity()), lambda ref: Path())
        return [f"{one.where}: {one.message}" for one in found]

    assert told("Hello, it costs $5.") == []
    (warning,) = told("Guten Morgen, heute zeige ich euch unsere neue Kamera.")
    assert warning.startswith("node speech: The text seems to be German.")
    with pytest.raises(WorkbenchError) as refused:
        told("Hello 世界")
    assert refused.value.where == "node speech: narration: line 1, character 7, in “世界”, and 1 more letter"
