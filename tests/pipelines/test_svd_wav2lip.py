"""The graphs of the pipeline svd_wav2lip."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.errors import WorkbenchError
from schemas.refs import SAFETENSORS, FileRef
from tests.pipelines.graphs import AUDIO, arrows, graph_of, ids, portrait


def made(**given: Any) -> Any:
    return graph_of("svd_wav2lip", **given)


def test_the_clip_and_the_speech_meet_at_the_lips() -> None:
    graph = made(portrait=portrait(), script="Hello.")
    assert arrows(graph) >= {("script", "speech"), ("speech", "animate"), ("clip", "animate"), ("upscale", "remux")}
    assert ("script", "clip") not in arrows(graph), "the clip is made while the text is spoken"
    assert graph.node("animate").input["video"] == "$clip.video"
    assert graph.node("remux").input == {"video": "$upscale.video", "audio": "$speech.audio"}


def test_a_portrait_is_made_from_the_scene_or_from_what_the_writer_of_the_script_saw() -> None:
    described = made(scene="A man on a boat.", script="Hello.")
    assert described.node("portrait").input == {"stage_prompt": "A man on a boat."}
    assert described.node("clip").input["image"] == "$portrait.image"
    assert described.node("evaluate").input["image"] == "$portrait.image"
    assert made(prompt="Boats").node("portrait").input == {"stage_prompt": "$script.stage_prompt"}
    approved = made(prompt="Boats", approve=True)
    assert approved.node("portrait").input == {"stage_prompt": "$review.stage_prompt"}


def test_without_the_clip_the_still_portrait_speaks() -> None:
    graph = made(portrait=portrait(), audio=AUDIO, leave_out=frozenset({"clip", "upscale", "evaluate"}))
    assert ids(graph) == ["animate", "remux"]
    assert "image" in graph.node("animate").input and "video" not in graph.node("animate").input


def test_a_lora_of_a_clip_that_is_left_out_is_refused() -> None:
    lora = FileRef(sha256="a" * 64, size_bytes=8, media_type=SAFETENSORS, name="ada.safetensors")
    given = {"portrait": portrait(), "script": "Hello.", "clip_lora": lora}
    assert "lora" in made(**given).node("clip").input
    with pytest.raises(WorkbenchError) as refused:
        made(**given, leave_out=frozenset({"clip"}))
    assert (refused.value.where, refused.value.seen) == ("svd_wav2lip: clip_lora", "ada.safetensors")


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"script": "Hello."}, "portrait, scene"),
        ({"audio": AUDIO}, "portrait, scene"),
        ({"script": "Hello.", "portrait": portrait(), "scene": "A boat."}, "scene"),
    ],
)
def test_who_speaks_is_said_once(given: dict[str, Any], where: str) -> None:
    with pytest.raises(WorkbenchError) as refused:
        made(**given)
    assert (refused.value.code, refused.value.where) == ("pipeline.bad_option", f"svd_wav2lip: {where}")
