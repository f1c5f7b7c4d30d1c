"""Pipelines, presets, capabilities and the system over HTTP, with running, stopped and hanging workers and bus."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nodes.registry import services
from schemas.graph import Graph
from tests.app.api.conftest import Asking, Client, refused
from tests.app.uploads.media import picture, wav
from tests.engine.graphs import document
from tests.live import LiveDeployment, sigkill, wait_for
from workbench.client.presets import shipped
from workbench.client.submit import submit_graph
from workbench.engine.accept import Request
from workbench.store.listing import JobFilter

pytestmark = pytest.mark.stack


def the_pipeline(api: Client, name: str = "talking_head") -> dict[str, Any]:
    found: dict[str, Any] = next(p for p in api.get("/api/pipelines").json()["pipelines"] if p["name"] == name)
    return found


@pytest.fixture
def hanging_bus(live: LiveDeployment) -> Iterator[None]:
    assert live.bus_process is not None
    os.kill(live.bus_process.pid, signal.SIGSTOP)
    yield
    os.kill(live.bus_process.pid, signal.SIGCONT)


def test_a_pipeline_describes_its_form(api: Client, live: LiveDeployment) -> None:
    found = the_pipeline(api)
    assert found["offered"] and found["reason"] == "" and found["result"] == "remux.video"
    inputs = {one["name"]: one for one in found["inputs"]}
    assert inputs["portrait"]["use"] == "needed" and inputs["portrait"]["sample"]
    assert inputs["audio"]["use"] == "one_of" and inputs["audio"]["group"] == ["prompt", "script", "audio"]
    assert inputs["approve"]["needs"] == ["prompt", "script"] and found["reviews"] == ["review"]
    assert found["title"] == "Talking head"
    nodes = {node["id"]: node for node in found["nodes"]}
    assert set(nodes) >= {"script", "speech", "upscale", "animate", "remux", "evaluate"}
    assert nodes["evaluate"]["optional"] and not nodes["animate"]["optional"]
    sway = nodes["animate"]["params"]["properties"]["sway"]
    assert sway["maximum"] == 2 and sway["description"]
    assert all(node["offered"] and node["plane"] in ("control", "data") for node in nodes.values())
    assert "capabilities" not in [p["name"] for p in api.get("/api/pipelines").json()["pipelines"]]


def test_without_a_worker_a_pipeline_is_unavailable_with_a_reason(api: Client, live: LiveDeployment) -> None:
    assert live.worker is not None
    live.worker.send_signal(signal.SIGTERM)
    live.worker.wait(30)
    found = wait_for(lambda: (p := the_pipeline(api)) and not p["offered"] and p)
    assert "no worker of the data plane serves the pool cpu" in found["reason"]
    assert {node["id"]: node["offered"] for node in found["nodes"]}["script"], "the control plane runs"


def test_every_shipped_preset_fits_its_pipeline(api: Client, live: LiveDeployment) -> None:
    found = the_pipeline(api)
    nodes = {node["id"]: node["service"] for node in found["nodes"]}
    names = [preset["name"] for preset in found["presets"] if preset["owner"] == ""]
    assert names == ["Calm", "Lively", "Sharp 1024"]
    for preset in shipped("talking_head"):
        for node, params in preset.params.items():
            services()[nodes[node]].params.model_validate(params)


def test_presets_are_saved_found_replaced_and_deleted_by_their_owner(asking: Asking) -> None:
    ada, bob, eve = asking("ada/runner"), asking("bob/runner"), asking("eve/viewer")
    at = "/api/presets/talking_head/My look"
    kept = ada.put(at, json={"params": {"animate": {"sway": 0.25}}, "leaveOut": ["evaluate"], "doc": "quiet"})
    assert kept.status_code == 200 and kept.json()["owner"] == "ada"
    assert ada.get(at).json() == kept.json() and kept.json() in the_pipeline(ada)["presets"]
    assert ada.put(at, json={"params": {"animate": {"sway": 0.5}}}).json()["leaveOut"] == []
    assert ada.get(at).json()["params"] == {"animate": {"sway": 0.5}}
    refused(bob.get(at), 404, "preset.unknown")
    refused(bob.delete(at), 404, "preset.unknown")
    refused(eve.put(at, json={"params": {}}), 403, "access.forbidden")
    refused(ada.put(at, json={"params": {"animate": {"sway": 99}}}), 422, "graph.bad_param")
    refused(ada.put(at, json={"params": {"nosuch": {}}}), 422, "pipeline.bad_option")
    refused(ada.put(at, json={"leaveOut": ["animate"]}), 422, "pipeline.bad_option")
    refused(ada.put("/api/presets/nosuch/x", json={}), 404, "pipeline.unknown")
    refused(ada.put("/api/presets/talking_head/" + "x" * 101, json={}), 422, "request.invalid")
    assert ada.delete(at).json() is None
    refused(ada.get(at), 404, "preset.unknown")
    # a user's preset hides a shipped one until it is deleted
    calm = "/api/presets/talking_head/Calm"
    refused(ada.delete(calm), 404, "preset.unknown")
    assert ada.put(calm, json={"params": {"animate": {"sway": 0.0}}}).status_code == 200
    assert [p["owner"] for p in the_pipeline(ada)["presets"] if p["name"] == "Calm"] == ["ada"]
    assert ada.delete(calm).json()["owner"] == ""


UNKNOWN = {"seconds": None, "perNode": {}, "basis": 0, "lengthS": None, "longestS": None, "streams": []}


def test_an_estimate_comes_from_past_runs(api: Client, live: LiveDeployment) -> None:
    before = live.deployment.store.list(JobFilter(limit=1)).total
    answer = api.post("/api/estimate", json={"pipeline": "talking_head", "options": {"leaveOut": ["evaluate"]}})
    assert answer.status_code == 200
    assert set(answer.json()) == set(UNKNOWN)
    where = {(one["producer"], one["consumer"]) for one in answer.json()["streams"]}
    assert where == {("speech", "animate"), ("animate", "remux"), ("speech", "remux")}, "known before anything runs"
    assert "evaluate" not in answer.json()["perNode"]
    refused(api.post("/api/estimate", json={"pipeline": "nosuch"}), 404, "pipeline.unknown")
    whole = {"pipeline": "talking_head", "options": {"leaveOut": ["animate"]}}
    refused(api.post("/api/estimate", json=whole), 422, "pipeline.bad_option")
    foreign = {"pipeline": "talking_head", "options": {"portrait": "0" * 64}}
    refused(api.post("/api/estimate", json=foreign), 404, "artifact.unknown")
    assert live.deployment.store.list(JobFilter(limit=1)).total == before

    def graph(sleep_s: float) -> dict[str, Any]:
        return {"graph": document({"a": {"service": "probe.hasty", "params": {"value": "e", "sleep_s": sleep_s}}})}

    assert api.post("/api/estimate", json=graph(0.05)).json() == UNKNOWN
    for sleep_s in (0.05, 0.6):
        job = api.post("/api/jobs", json=graph(sleep_s)).json()["jobId"]
        live.finish(job)
    long = api.get(f"/api/jobs/{job}/estimate").json()
    short = api.post("/api/estimate", json=graph(0.05)).json()
    other = api.post("/api/estimate", json=graph(0.3)).json()
    assert 0.6 <= long["seconds"] == long["perNode"]["a"] and long["basis"] == 1
    assert short["seconds"] < 0.6 and short["basis"] == 1, "runs with the same parameters count"
    assert short["seconds"] < other["seconds"] < long["seconds"] and other["basis"] == 2, "otherwise all runs count"


def test_earlier_files_are_those_of_the_user_newest_first(asking: Asking, live: LiveDeployment) -> None:
    ada, bob = asking("ada/runner"), asking("bob/runner")

    def give(client: Client, name: str, data: bytes) -> str:
        return str(client.post("/api/uploads", files={"file": (name, data)}).json()["ref"]["sha256"])

    def names(client: Client, **query: Any) -> list[str]:
        return [one["ref"]["name"] for one in client.get("/api/uploads", params=query).json()["uploads"]]

    same = wav(0.5, hertz=330)
    give(bob, "bobs.wav", same)
    give(ada, "adas.wav", same)
    give(ada, "second.wav", wav(0.7))
    face = give(ada, "face.png", picture(size=(80, 60)))
    assert names(ada) == ["face.png", "second.wav", "adas.wav"], "each has the name that its owner gave it"
    assert names(ada, kind="audio") == ["second.wav", "adas.wav"] and names(ada, limit=1) == ["face.png"]
    assert names(bob) == ["bobs.wav"] and names(asking("eve:admin")) == []
    # Inputs of a job without an upload are listed too, but not its outputs.
    job = submit_graph(
        live.deployment,
        Request(
            Graph.model_validate(
                document({"a": {"service": "generate.upscale_image", "input": {"image": ada_ref(ada, face)}}})
            ),
            owner="carl",
        ),
    ).job
    live.finish(job)
    [own] = asking("carl/runner").get("/api/uploads").json()["uploads"]
    assert own["ref"]["sha256"] == face and own["thumbnail"] == f"/api/artifacts/{face}/thumbnail"
    refused(ada.get("/api/uploads?kind=json"), 422, "request.invalid")
    refused(ada.get("/api/uploads?limit=101"), 422, "request.invalid")


def ada_ref(client: Client, sha256: str) -> dict[str, Any]:
    found = client.get("/api/uploads", params={"kind": "image"}).json()["uploads"]
    ref: dict[str, Any] = next(one["ref"] for one in found if one["ref"]["sha256"] == sha256)
    return {"sha256": sha256, "kind": "image", "width": ref["width"], "height": ref["height"]}


def test_the_system_lists_offered_services_and_the_recorder_position(api: Client, live: LiveDeployment) -> None:
    answer = api.get("/api/system").json()
    entries = {one["service"]: one for one in answer["capabilities"]["entries"]}
    assert entries["probe.data"]["workers"] and entries["probe.data"]["missing"] == ""
    assert entries["probe.elsewhere"]["workers"] == [] and "pool elsewhere" in entries["probe.elsewhere"]["missing"]
    assert len(entries) == answer["capabilities"]["services"]
    assert answer["queue"]["phase"] == "open" and (answer["queue"]["outboxOldestS"] or 0) >= 0


def test_capabilities_are_those_of_both_planes(api: Client, live: LiveDeployment) -> None:
    answer = api.get("/api/capabilities")
    assert answer.status_code == 200, answer.text
    offered = answer.json()["offeredBy"]
    assert "info.merge_capabilities" in offered and "generate.portrait_animation" in offered
    assert "probe.elsewhere" in answer.json()["missing"]


def test_the_capabilities_graph_runs_over_both_planes(api: Client, live: LiveDeployment) -> None:
    job = api.post("/api/jobs", json={"pipeline": "capabilities"}).json()["jobId"]
    output = live.finish(job).graph.node("merge").output
    assert output is not None
    merged = output["capabilities"]
    assert {worker["plane"] for worker in merged["workers"]} == {"control", "data"}
    listed = [row["pipeline"] for row in api.get("/api/jobs", params={"limit": 100}).json()["jobs"]]
    assert "capabilities" not in listed
    assert api.get("/api/jobs", params={"pipeline": "capabilities"}).json()["jobs"], "listed when requested by name"


def test_capabilities_answer_while_the_only_worker_computes(api: Client, live: LiveDeployment, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    nodes = {"a": {"service": "probe.data", "params": {"gate": str(gate)}}}
    job = api.post("/api/jobs", json={"graph": document(nodes)}).json()["jobId"]
    wait_for(lambda: any(worker["running"] for worker in api.get("/api/system").json()["workers"]))
    assert "probe.data" in api.get("/api/capabilities").json()["offeredBy"]
    gate.touch()
    live.finish(job)


def test_without_a_worker_capabilities_say_what_is_missing(api: Client, live: LiveDeployment) -> None:
    assert live.worker is not None
    live.worker.send_signal(signal.SIGTERM)
    live.worker.wait(30)
    wait_for(lambda: len(live.deployment.bus.queues.workers()) == 1)
    details = refused(api.get("/api/capabilities"), 503, "capabilities.incomplete")
    assert list(details["silent"]) == ["data"] and "generate.portrait_animation" in details["missing"]
    assert details["remedy"]


def test_a_hanging_worker_is_no_longer_announced(api: Client, live: LiveDeployment) -> None:
    assert live.worker is not None
    os.killpg(live.worker.pid, signal.SIGSTOP)
    try:
        wait_for(lambda: api.get("/api/capabilities").status_code == 503)
        details = refused(api.get("/api/capabilities"), 503, "capabilities.incomplete")
        assert list(details["silent"]) == ["data"]
    finally:
        os.killpg(live.worker.pid, signal.SIGCONT)


def test_a_hanging_bus_does_not_hold_an_answer_for_ever(api: Client, hanging_bus: None) -> None:
    began = time.monotonic()
    details = refused(api.get("/api/capabilities"), 503, "capabilities.incomplete")
    assert time.monotonic() - began < 60 and "bus" in details["silent"]


def test_the_system_answers_without_the_bus(api: Client, live: LiveDeployment) -> None:
    assert live.bus_process is not None
    sigkill(live.bus_process)
    refused(api.get("/api/capabilities"), 503, "capabilities.incomplete")
    body = api.get("/api/system").json()
    assert body["queue"] is None and body["capabilities"] is None and body["workers"] == []
    parts = {part["name"]: part for part in body["parts"]}
    assert parts["bus"]["state"] == "down" and parts["bus"]["message"] and parts["sql"]["state"] == "external"
    assert live.settings.bus_url.split(":")[2].split("@")[0] not in api.get("/api/system").text, "no password"


def test_the_system_lists_what_each_worker_runs(
    api: Client, asking: Asking, live: LiveDeployment, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    nodes = {"a": {"service": "probe.data", "params": {"gate": str(gate)}}}
    job = api.post("/api/jobs", json={"graph": document(nodes)}).json()["jobId"]
    body = wait_for(lambda: (b := api.get("/api/system").json()) and any(w["running"] for w in b["workers"]) and b)
    busy = next(worker for worker in body["workers"] if worker["running"])
    assert busy["running"] == [f"{job}/a"] or busy["running"][0].startswith(job)
    assert busy["state"] == "busy" and busy["manifest"]["plane"] == "data"
    assert body["queue"]["phase"] == "open" and body["storage"]["homeFreeBytes"] > 0
    assert body["capabilities"]["offered"] > 5 and {part["name"] for part in body["parts"]} >= {"bus", "objects", "sql"}
    other = asking("ada/runner").get("/api/system")
    assert job not in other.text and any(w["state"] == "busy" for w in other.json()["workers"])
    gate.touch()
    live.finish(job)
