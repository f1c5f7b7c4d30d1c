"""Parsing graph documents: older spellings, lossless round trips, and errors that name the location."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings

from schemas.errors import WorkbenchError
from schemas.graph import MAX_DOCUMENT_BYTES, Graph
from schemas.status import EdgeKind, Plane
from tests.engine.graphs import document, random_documents
from workbench.engine.parse import parse_graph

OLDER = {
    "schema": "langgraph.v1",
    "nodes": [
        {"id": "script", "service": "llm.generate_script", "plane": "node", "progressWeight": 0.1, "input": None},
        {
            "id": "talk",
            "service": "generate.talk",
            "plane": "python",
            "progressWeight": 0.7,
            "retries": None,
            "tags": None,
        },
    ],
    "edges": [{"from": "script", "to": "talk", "kind": None}],
    "context": None,
}


def refusal(raw: Any) -> WorkbenchError:
    with pytest.raises(WorkbenchError) as refused:
        parse_graph(raw)
    return refused.value


def test_the_older_spelling_is_accepted() -> None:
    graph = parse_graph(orjson.dumps(OLDER))
    assert [node.plane for node in graph.nodes] == [Plane.CONTROL, Plane.DATA]
    assert graph.edges[0].kind is EdgeKind.NORMAL
    assert (graph.context, graph.nodes[0].input, graph.nodes[1].tags) == ({}, {}, [])
    assert graph.nodes[1].retries.max_attempts == 3
    weights = graph.progress_weights()
    assert sum(weights.values()) == pytest.approx(1.0)
    assert weights["talk"] == pytest.approx(0.875)


@settings(max_examples=50, deadline=None)
@given(raw=random_documents())
def test_repeated_round_trips_do_not_change_a_graph(raw: dict[str, Any]) -> None:
    first = parse_graph(raw)
    graph = first
    for _ in range(3):
        graph = parse_graph(graph.to_json())
    assert graph == first
    assert parse_graph(orjson.loads(first.to_json())) == first


def test_text_bytes_and_objects_parse_to_the_same_document() -> None:
    raw = document({"a": "probe.data"}, metadata={"note": "kept", "deep": [{"x": None}]})
    text = orjson.dumps(raw).decode()
    assert parse_graph(text) == parse_graph(text.encode()) == parse_graph(raw)
    assert parse_graph(raw).metadata == {"note": "kept", "deep": [{"x": None}]}


@pytest.mark.parametrize(
    ("raw", "code", "words"),
    [
        (b"{ not json", "graph.not_json", ["line 1", "workbench schemas export"]),
        (b"\xff\xfe", "graph.not_json", ["not JSON"]),
        (b"[]", "graph.schema", ["list", "an object"]),
        (b"{}", "graph.schema", ["schema", "nothing", "langgraph.v1"]),
        (b'{"schema": "langgraph.v2"}', "graph.schema", ["langgraph.v2", "langgraph.v1"]),
        (b'{"schema": "langgraph.v1"}', "graph.schema", ["nodes", "required"]),
        (document({}), "graph.schema", ["nodes", "at least 1"]),
        (b" " * (20 * 1024 * 1024), "graph.too_large", ["20,971,520", f"{MAX_DOCUMENT_BYTES:,}", "upload"]),
        (
            document({f"n{i}": "probe.data" for i in range(10_000)}),
            "graph.too_large",
            ["10,000", "1,000", "several jobs"],
        ),
        (document({"a": {"service": "probe.data", "parms": {}}}), "graph.schema", ["node a: parms", "not known"]),
        (document({"a": {"service": "Probe"}}), "graph.schema", ["node a: service", "Probe", "text matching"]),
        (document({"a b": "probe.data"}), "graph.schema", ["node a b: id", "text matching"]),
        (
            document({"a": {"service": "probe.data", "retries": {"maxAttempts": 99}}}),
            "graph.schema",
            ["node a: retries.maxAttempts", "99", "at most 20"],
        ),
        (
            document({"a": {"service": "probe.data", "plane": "gpu"}}),
            "graph.schema",
            ["node a: plane", "gpu", "control"],
        ),
        (
            document({"a": "probe.data"}, [("a", "a", "maybe")]),
            "graph.schema",
            ["edges[0].kind", "maybe", "on_failure"],
        ),
    ],
)
def test_an_error_names_the_location_the_value_and_the_allowed_values(raw: Any, code: str, words: list[str]) -> None:
    error = refusal(raw)
    assert error.code == code
    text = str(error)
    assert [word for word in words if word not in text] == [], text
    assert len(text) < 2000


def test_further_problems_are_listed() -> None:
    error = refusal(document({"a": {"service": "X"}, "b": {"service": "Y"}}))
    assert "(and 1 more)" in error.message
    assert len(error.details["problems"]) == 2


def test_every_field_is_written_in_camel_case() -> None:
    graph = Graph.model_validate(OLDER)
    written = orjson.loads(graph.to_json())
    assert set(written) == {"schema", "workflowId", "context", "metadata", "nodes", "edges"}
    assert written["edges"][0] == {"from": "script", "to": "talk", "kind": "normal", "metadata": {}}
    assert {"progressWeight", "retries", "input", "output"} <= set(written["nodes"][0])
