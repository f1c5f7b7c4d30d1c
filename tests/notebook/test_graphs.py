"""Graphs in Python: they give the same document as JSON, and mistakes are refused where they occur."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import pytest

from schemas.errors import WorkbenchError
from schemas.refs import AudioRef, ImageRef
from schemas.status import NodeStatus
from workbench.engine.parse import parse_graph
from workbench.notebook.static_html import graph_html, graph_text
from workbench.notebook.workbench import Workbench
from workbench.pipelines.registry import find_pipeline
from workbench.pipelines.sdk.building import build
from workbench.settings import Settings

AUDIO = AudioRef(sha256="a" * 64)
IMAGE = ImageRef(sha256="b" * 64)


@pytest.fixture
def wb(tmp_path: Path) -> Workbench:
    """A workbench that needs no running deployment."""
    return Workbench(Settings(home=tmp_path))


def test_the_document_equals_a_hand_written_one(wb: Workbench) -> None:
    graph = wb.graph("mine", seed=2)
    speech = graph.generate.hibari_tts(narration="Hello.", speed=1.1, as_="speech")
    animate = graph.generate.portrait_animation(image=IMAGE, audio=speech.audio, sway=0.5)
    graph.generate.remux(video=animate.video, audio=speech.audio)
    document = json.loads(graph.to_json())
    assert document["schema"] == "langgraph.v1" and document["context"] == {"seed": 2}
    assert [(node["id"], node["service"]) for node in document["nodes"]] == [
        ("speech", "generate.hibari_tts"),
        ("portrait_animation", "generate.portrait_animation"),
        ("remux", "generate.remux"),
    ]
    assert document["nodes"][0]["params"] == {"speed": 1.1} and document["nodes"][0]["input"] == {"narration": "Hello."}
    assert document["nodes"][1]["input"] == {
        "image": {"kind": "image", "sha256": "b" * 64, "mediaType": "image/png"},
        "audio": "$speech.audio",
    }
    assert [(edge["from"], edge["to"]) for edge in document["edges"]] == [
        ("speech", "portrait_animation"),
        ("portrait_animation", "remux"),
        ("speech", "remux"),
    ]
    assert parse_graph(graph.to_json()) == graph.build()


def test_a_value_may_start_with_a_dollar_and_names_are_numbered(wb: Workbench) -> None:
    graph = wb.graph()
    graph.generate.hibari_tts(narration="$5 is little.")
    graph.generate.hibari_tts(narration="Again.")
    nodes = graph.build().nodes
    assert [node.id for node in nodes] == ["hibari_tts", "hibari_tts_2"]
    assert nodes[0].input == {"narration": "$$5 is little."}


def test_failure_edges_and_edges_without_data(wb: Workbench) -> None:
    graph = wb.graph()
    first = graph.generate.hibari_tts(narration="One.", as_="first")
    other = graph.generate.hibari_tts(narration="Two.", as_="other", after=first)
    spare = graph.generate.hibari_tts(narration="Three.", as_="spare")
    graph.on_failure(other, then=spare)
    joined = graph.generate.remux(audio=[other.audio, spare.audio], video={"kind": "video", "sha256": "c" * 64})
    edges = {(edge.from_, edge.to, edge.kind.value) for edge in graph.build().edges}
    assert edges == {
        ("first", "other", "normal"),
        ("other", "spare", "on_failure"),
        ("other", "remux", "normal"),
        ("spare", "remux", "normal"),
    }
    assert graph.build().node("remux").input["audio"] == ["$other.audio", "$spare.audio"]
    graph.remove(joined)
    assert "remux" not in [node.id for node in graph.build().nodes] and len(graph.build().edges) == 2


def test_an_editor_completes_families_services_keywords_and_outputs(wb: Workbench) -> None:
    graph = wb.graph()
    assert {"generate", "llm", "evaluate"} <= set(dir(graph))
    assert "portrait_animation" in dir(graph.generate)
    signature = inspect.signature(graph.generate.portrait_animation)
    assert signature.parameters["sway"].default == 1.0
    assert signature.parameters["image"].annotation is ImageRef
    assert signature.parameters["image"].default is inspect.Parameter.empty
    assert "How much the head moves" in (inspect.getdoc(graph.generate.portrait_animation) or "")
    speech = graph.generate.hibari_tts(narration="Hello.")
    assert "audio" in dir(speech) and repr(speech.audio) == "$hibari_tts.audio"


def test_a_mistake_is_reported_where_it_is_written(wb: Workbench) -> None:
    graph = wb.graph()
    with pytest.raises(AttributeError, match="generate"):
        graph.generte  # noqa: B018
    with pytest.raises(AttributeError, match="remux"):
        graph.generate.remax  # noqa: B018
    with pytest.raises(AttributeError, match="audio"):
        graph.generate.hibari_tts(narration="x").sound  # noqa: B018
    for call, code, allowed in (
        (lambda: graph.generate.hibari_tts(narration="x", sped=1), "graph.bad_param", "speed"),
        (lambda: graph.generate.hibari_tts(narration="x", speed=99), "graph.bad_param", "number"),
        (lambda: graph.add("generate.remax"), "graph.unknown_service", "generate.remux"),
        (lambda: graph.generate.hibari_tts(narration="x", as_="hibari_tts"), "graph.schema", "unused"),
        (lambda: graph.generate.hibari_tts(narration="x", as_="x y"), "request.invalid", "matching"),
        (lambda: wb.graph().build(), "graph.schema", "generate"),
    ):
        with pytest.raises(WorkbenchError) as caught:
            call()
        assert caught.value.code == code and allowed in str(caught.value.allowed), caught.value
    assert [node.id for node in graph.build().nodes] == ["hibari_tts"]  # refused nodes are not in the graph


def test_a_graph_has_a_text_form_without_a_renderer() -> None:
    document = build(find_pipeline("talking_head"), {"portrait": IMAGE, "script": "Hello."})
    assert "speech -> animate" in graph_text(document)
    table = graph_html(document, {"script": NodeStatus.FAILED})
    assert "failed" in table and table.count("<tr>") == len(document.nodes) + 1
