"""Lists of services, pipelines and capabilities of both planes, the schemas, and the status of all servers."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from schemas.capability import Capabilities, ServiceManifest
from schemas.pipeline import PipelineView
from schemas.stack import PART_NAMES, StackStatus
from tests.cli.graphs import document, script
from tests.cli.program import Program, stack
from workbench.pipelines.registry import find_pipeline

pytestmark = pytest.mark.stack


OTHER_POOLS = {"torch", "f5", "comfyui", "elsewhere"}  # which the stack has no workers for


@pytest.fixture(scope="module")
def without_worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A stack without a data plane."""
    with stack(tmp_path_factory.mktemp("small") / "home", "bus", "objects", "sql", "control") as program:
        yield program


def test_both_planes_answer_and_stay_healthy(program: Program) -> None:
    answer = Capabilities.model_validate(program.json("capabilities"))
    services = {item.service: item for item in answer.services}
    for service in ("llm.generate_script", "generate.portrait_animation", "info.merge_capabilities"):
        assert answer.offered_by[service], service
    planes = {worker.plane.value for worker in answer.workers}
    assert planes == {"control", "data"}
    elsewhere = {item.service for item in answer.services if item.pool in OTHER_POOLS}
    assert set(answer.missing) == elsewhere > {"generate.svd", "probe.elsewhere"}, "nobody started workers for them"
    assert services["generate.portrait_animation"].params["properties"]["sway"]["maximum"] == 2
    assert program.json("job", "list", "--experiment", "capabilities")["jobs"] == [], "no node runs for an answer"
    program.run("run", "capabilities", "--experiment", "capabilities")
    job = program.json("job", "list", "--experiment", "capabilities", "--status", "completed")["jobs"]
    assert job[0]["nodesCompleted"] == 2, "the graph over both planes runs like any other"
    parts = StackStatus.model_validate(program.json("status"))
    assert parts.part("control").restarts == 0


def test_without_a_worker_the_answer_names_what_is_missing(without_worker: Program) -> None:
    ended = without_worker.try_("capabilities", "--json", timeout_s=20)
    assert ended.code == 4
    answer = Capabilities.model_validate(ended.json)
    assert answer.offered_by["llm.generate_script"]
    assert "generate.portrait_animation" not in answer.offered_by
    missing = {item.service for item in answer.services if item.service not in answer.offered_by}
    assert missing == set(answer.missing) >= {"generate.hibari_tts", "generate.portrait_animation", "generate.remux"}
    assert all(reason for reason in answer.missing.values())
    assert without_worker.jobs() == 0


def test_the_control_plane_works_without_a_data_plane(without_worker: Program) -> None:
    shown = without_worker.json("submit", "-", "--wait", given=json.dumps(document(script())))
    assert (shown["status"], shown["mlflowRun"]) == ("completed", None)


def test_services_are_listed_and_shown_with_their_schemas(program: Program) -> None:
    listed = [ServiceManifest.model_validate(item) for item in program.json("nodes")]
    assert {"llm.generate_script", "generate.hibari_tts", "generate.remux", "evaluate.basic"} <= {
        item.service for item in listed
    }
    assert all(item.doc for item in listed)
    assert {item.pool for item in listed if not item.available} <= OTHER_POOLS
    one = ServiceManifest.model_validate(program.json("nodes", "generate.hibari_tts"))
    assert one == next(item for item in listed if item.service == "generate.hibari_tts")
    assert one.params["properties"]["speed"] | {"maximum": 2.0, "minimum": 0.5} == one.params["properties"]["speed"]
    shipped = [item for item in listed if not item.service.startswith("probe.")]
    assert all(item.title and item.category and item.tags for item in shipped)
    found = {item["service"] for item in program.json("nodes", "--find", "TTS")}
    assert "generate.hibari_tts" in found and "generate.remux" not in found
    text = program.run("nodes", "generate.hibari_tts")
    assert "Hibari speech: generate.hibari_tts" in text and "Speech, tts, english" in text
    assert "speed\tnumber, 0.5 to 2.0\t1.0\tSpeaking rate" in text
    assert "narration\tstring" in text
    assert f"code\t{one.code}\nweights\t{one.weights}\npackages\thibari-tts==0.2.1 numpy==" in text


def test_pipelines_are_listed(program: Program) -> None:
    found = {item["name"]: item for item in program.json("pipelines")}
    view = PipelineView.model_validate(found["talking_head"])
    assert view == find_pipeline("talking_head").view()
    assert "talking_head\tportrait\tprompt | script | audio\tapprove, label\tevaluate, upscale" in program.run(
        "pipelines"
    )


def test_the_written_schemas_match_the_models(program: Program) -> None:
    assert "match" in program.run("schemas", "check")


def test_the_status_lists_every_server(program: Program) -> None:
    status = StackStatus.model_validate(program.json("status"))
    assert status.home == str(program.home)
    assert tuple(part.name for part in status.parts) == PART_NAMES
    states = {part.name: part.state.value for part in status.parts if part.name != "app"}
    assert set(states.values()) == {"up"}, states
