"""The graph that ``talking_head`` builds, and what pipelines refuse."""

from __future__ import annotations

from typing import Any

import pytest

from nodes.registry import services
from schemas.errors import WorkbenchError
from schemas.graph import Graph
from schemas.refs import ImageRef
from workbench.engine.validate import validate
from workbench.workflows import CAPABILITIES, PIPELINES, TALKING_HEAD, Options, build

DIGEST = "ab" * 32


def portrait(side: int = 512) -> ImageRef:
    return ImageRef(sha256=DIGEST, width=side, height=side + 100)


def graph(side: int = 512, **options: Any) -> Graph:
    return build(TALKING_HEAD, Options(portrait=portrait(side), script="Hello.", **options))


def ids(built: Graph) -> list[str]:
    return [node.id for node in built.nodes]


def arrows(built: Graph) -> set[tuple[str, str]]:
    return {(edge.from_, edge.to) for edge in built.edges}


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
    ids=str,
)
def test_whatever_is_chosen_the_engine_accepts_the_graph(options: dict[str, Any]) -> None:
    checked = validate(graph(**options), services(), lambda declaration: "")
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
    assert "image" not in upscaled.node("animate").input
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


def test_without_evaluation_the_video_is_the_last_thing_made() -> None:
    built = graph(leave_out=frozenset({"evaluate"}))
    assert "evaluate" not in ids(built)
    assert TALKING_HEAD.result == ("remux", "video")
    assert not [edge for edge in built.edges if edge.from_ == "remux"]


def test_text_seed_and_settings_arrive_where_they_belong() -> None:
    options = Options(portrait=portrait(), prompt="The sea.", seed=7, params={"animate": {"sway": 0.3}}, fresh=True)
    built = build(TALKING_HEAD, options)
    assert built.node("script").params == {"prompt": "The sea."}
    assert built.node("animate").params == {"sway": 0.3}
    assert built.context == {"seed": 7, "cache": False}
    assert built.workflow_id == "talking_head"
    assert graph().context == {"seed": 0}


@pytest.mark.parametrize(
    ("pipeline", "options", "words"),
    [
        (TALKING_HEAD, Options(script="Hi."), ("needs a portrait", "--portrait")),
        (TALKING_HEAD, Options(portrait=portrait(), leave_out=frozenset({"speech"})), ("speech", "evaluate, upscale")),
        (TALKING_HEAD, Options(portrait=portrait(), params={"animat": {"sway": 1}}), ("animat", "animate")),
        (CAPABILITIES, Options(script="Hi."), ("does not use script", "Hi.", "Leave --script out")),
        (CAPABILITIES, Options(leave_out=frozenset({"merge"})), ("merge cannot be left out", "nothing")),
    ],
    ids=["portrait", "leave out", "unknown node", "unused option", "nothing optional"],
)
def test_options_that_do_not_fit_are_refused(pipeline: Any, options: Options, words: tuple[str, ...]) -> None:
    with pytest.raises(WorkbenchError) as refused:
        build(pipeline, options)
    assert refused.value.code == "pipeline.bad_option"
    assert [word for word in words if word not in str(refused.value)] == []
    assert refused.value.remedy


def test_every_pipeline_names_nodes_it_has() -> None:
    for name, pipeline in PIPELINES.items():
        assert name == pipeline.name
        given = {"portrait": portrait(), "script": "Hi."}
        nodes, edges = pipeline.make(Options(**{k: v for k, v in given.items() if k in pipeline.takes}))  # type: ignore[arg-type]
        known = {node.id for node in nodes}
        assert pipeline.optional <= known
        assert {edge.from_ for edge in edges} | {edge.to for edge in edges} <= known
        assert pipeline.result is None or pipeline.result[0] in known
