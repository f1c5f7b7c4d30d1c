"""Content keys: equal computations have equal keys, different computations have different keys."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.graph import Graph, Node
from tests.engine.graphs import document
from workbench.engine.content import content_key, graph_hash

REF = {"kind": "audio", "sha256": "a" * 64, "mediaType": "audio/wav", "durationS": 1.5}
NODE = Node(
    id="speech",
    service="generate.tts",
    version="1.0.0",
    code="c",
    weights="w",
    packages=["av==18.1.0"],
    params={"speed": 1.0, "voice": {"name": "heart", "pitch": 2}},
)


def key(changes: dict[str, Any] | None = None, inputs: dict[str, Any] | None = None, seed: int | None = 7) -> str:
    return content_key(NODE.model_copy(update=changes or {}), inputs or {"audio": REF, "text": "hello"}, seed=seed)


def test_order_and_irrelevant_fields_do_not_change_the_key() -> None:
    turned = {"voice": {"pitch": 2, "name": "heart"}, "speed": 1.0}
    assert key({"params": turned}) == key()
    assert key({"id": "other", "name": "Other", "tags": ["x"], "progress_weight": 9.0, "telemetry": {"s": 1}}) == key()
    assert key(inputs={"text": "hello", "audio": REF | {"name": "take 2.wav", "durationS": None}}) == key()


@pytest.mark.parametrize(
    "changes",
    [
        {"service": "generate.other"},
        {"version": "1.0.1"},
        {"weights": "x"},
        {"code": "d"},
        {"packages": ["av==18.1.1"]},
        {"params": {"speed": 1.01, "voice": {"name": "heart", "pitch": 2}}},
        {"params": {"speed": 1.0, "voice": {"name": "heart", "pitch": 3}}},
    ],
)
def test_relevant_fields_change_the_key(changes: dict[str, Any]) -> None:
    assert key(changes) != key()


def test_inputs_and_seed_change_the_key() -> None:
    assert key(inputs={"audio": REF | {"sha256": "b" * 64}, "text": "hello"}) != key()
    assert key(inputs={"audio": REF, "text": "hullo"}) != key()
    assert key(inputs={"audio": [REF], "text": "hello"}) != key()
    assert len({key(seed=None), key(seed=0), key(seed=7)}) == 3


def test_a_graph_hash_covers_only_what_the_graph_requests() -> None:
    raw = document({"a": "probe.data", "b": "probe.data"}, [("a", "b")], metadata={"note": "x"}, context={"seed": 1})
    asked = graph_hash(Graph.model_validate(raw))
    raw["metadata"] = {"note": "y"}
    raw["nodes"].reverse()
    raw["nodes"][0] |= {"name": "B", "status": "completed", "output": {"text": "z"}}
    assert graph_hash(Graph.model_validate(raw)) == asked
    for change in ({"context": {"seed": 2}}, {"edges": [{"from": "a", "to": "b", "kind": "on_failure"}]}):
        assert graph_hash(Graph.model_validate(raw | change)) != asked
