"""Where a node takes the output of another in parts, and what a submit says of it."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.stream import Stream, in_words
from tests.engine.graphs import checked, document
from workbench.engine.streaming import described, find_streams

SPEECH, ANIMATION, FINAL = "generate.hibari_tts", "generate.portrait_animation", "generate.remux"
PORTRAIT = {"kind": "image", "sha256": "a" * 64}


def talking_head(animate: dict[str, Any] | None = None, kind: str = "normal") -> dict[str, Any]:
    raw = document(
        {"speech": SPEECH, "animate": ANIMATION, "label": "generate.label", "final": FINAL},
        [("speech", "animate", kind), ("animate", "label"), ("label", "final"), ("speech", "final")],
    )
    nodes = {node["id"]: node for node in raw["nodes"]}
    nodes["speech"]["input"] = {"narration": "Hello."}
    nodes["animate"]["input"] = {"image": PORTRAIT, **(animate or {})}
    return raw


def found(raw: dict[str, Any]) -> tuple[Stream, ...]:
    graph = checked(raw)
    return described(find_streams(graph.graph, graph.declarations), final=())


def test_a_chain_of_nodes_in_parts_is_found_with_its_inputs() -> None:
    streams = found(talking_head())
    assert {(one.producer, one.consumer): one.inputs for one in streams} == {
        ("speech", "animate"): {"audio": "audio", "phonemes": "phonemes"},
        ("animate", "label"): {"video": "video"},
        ("label", "final"): {"video": "video"},
        ("speech", "final"): {"audio": "audio"},
    }
    assert in_words(streams) == "animate takes speech, label takes animate, final takes label and speech"


@pytest.mark.parametrize(
    "raw",
    [
        talking_head({"phonemes": None, "audio": "$speech.audio"}, kind="on_failure"),
        talking_head({"audio": {"kind": "audio", "sha256": "b" * 64}, "phonemes": None}),
    ],
    ids=["an edge that does not fire", "no input of the producer"],
)
def test_where_the_whole_is_needed_nothing_comes_in_parts(raw: dict[str, Any]) -> None:
    assert ("speech", "animate") not in {(one.producer, one.consumer) for one in found(raw)}


def test_a_node_with_a_result_neither_makes_nor_takes_parts() -> None:
    graph = checked(talking_head())
    streams = find_streams(graph.graph, graph.declarations)
    assert {one.consumer for one in described(streams, final={"speech"})} == {"label", "final"}
    assert not described(streams, final={"animate", "label", "speech"})
