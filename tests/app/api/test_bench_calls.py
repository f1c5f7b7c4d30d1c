"""Pipelines, presets, capabilities, the system: over HTTP, with workers and the bus there, stopped and hanging."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nodes.registry import services
from tests.app.api.conftest import Asking, Client, refused
from tests.engine.graphs import document
from tests.live import LiveBench, sigkill, wait_for
from workbench.client.presets import shipped
from workbench.workflows.presets import SHIPPED

pytestmark = pytest.mark.stack


def the_pipeline(api: Client, name: str = "talking_head") -> dict[str, Any]:
    found: dict[str, Any] = next(p for p in api.get("/api/pipelines").json()["pipelines"] if p["name"] == name)
    return found


@pytest.fixture
def hanging_bus(live: LiveBench) -> Iterator[None]:
    assert live.bus_process is not None
    os.kill(live.bus_process.pid, signal.SIGSTOP)
    yield
    os.kill(live.bus_process.pid, signal.SIGCONT)


def test_a_pipeline_says_what_a_form_needs(api: Client, live: LiveBench) -> None:
    found = the_pipeline(api)
    assert found["offered"] and found["reason"] == "" and found["result"] == "remux.video"
    assert found["options"]["portrait"] == "needed" and found["options"]["audio"] == "one_of"
    assert found["title"] == "Talking head"
    nodes = {node["id"]: node for node in found["nodes"]}
    assert set(nodes) >= {"script", "speech", "upscale", "animate", "remux", "evaluate"}
    assert nodes["evaluate"]["optional"] and not nodes["animate"]["optional"]
    sway = nodes["animate"]["params"]["properties"]["sway"]
    assert sway["maximum"] == 2 and sway["description"]
    assert all(node["offered"] and node["plane"] in ("control", "data") for node in nodes.values())
    assert "capabilities" not in [p["name"] for p in api.get("/api/pipelines").json()["pipelines"]]


def test_without_a_worker_a_pipeline_is_greyed_with_the_reason(api: Client, live: LiveBench) -> None:
    assert live.worker is not None
    live.worker.send_signal(signal.SIGTERM)
    live.worker.wait(30)
    found = wait_for(lambda: (p := the_pipeline(api)) and not p["offered"] and p)
    assert "no worker of the data plane serves the pool cpu" in found["reason"]
    assert {node["id"]: node["offered"] for node in found["nodes"]}["script"], "the control plane is there"


def test_every_shipped_preset_fits_its_pipeline(api: Client, live: LiveBench) -> None:
    found = the_pipeline(api)
    nodes = {node["id"]: node["service"] for node in found["nodes"]}
    names = [preset["name"] for preset in found["presets"] if preset["owner"] == ""]
    assert names == ["Calm", "Lively", "Sharp 1024"] and set(SHIPPED) == {"talking_head"}
    for preset in shipped("talking_head"):
        for node, params in preset.params.items():
            services()[nodes[node]].params.model_validate(params)


def test_presets_are_kept_found_replaced_and_deleted_by_their_owner(asking: Asking) -> None:
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
    # one of the own hides a shipped one until it is deleted
    calm = "/api/presets/talking_head/Calm"
    refused(ada.delete(calm), 404, "preset.unknown")
    assert ada.put(calm, json={"params": {"animate": {"sway": 0.0}}}).status_code == 200
    assert [p["owner"] for p in the_pipeline(ada)["presets"] if p["name"] == "Calm"] == ["ada"]
    assert ada.delete(calm).json()["owner"] == ""


def test_an_estimate_comes_from_past_runs(api: Client, live: LiveBench) -> None:
    answer = api.post("/api/estimate", json={"pipeline": "talking_head", "leaveOut": ["evaluate"]})
    assert answer.status_code == 200 and set(answer.json()) == {"seconds", "known"}
    refused(api.post("/api/estimate", json={"pipeline": "nosuch"}), 404, "pipeline.unknown")
    refused(
        api.post("/api/estimate", json={"pipeline": "talking_head", "leaveOut": ["animate"]}),
        422,
        "pipeline.bad_option",
    )
    nodes = {"a": {"service": "probe.hasty", "params": {"value": "e", "sleep_s": 0.2}}}
    job = api.post("/api/jobs", json={"graph": document(nodes)}).json()["jobId"]
    live.finish(job)
    known = api.get(f"/api/jobs/{job}/estimate").json()
    assert known["known"] and 0.1 <= known["seconds"] <= 1


def test_capabilities_are_those_of_both_planes(api: Client, live: LiveBench) -> None:
    answer = api.get("/api/capabilities")
    assert answer.status_code == 200, answer.text
    offered = answer.json()["offeredBy"]
    assert "info.merge_capabilities" in offered and "generate.portrait_animation" in offered
    assert "probe.elsewhere" in answer.json()["missing"]
    listed = [row["pipeline"] for row in api.get("/api/jobs", params={"limit": 100}).json()["jobs"]]
    assert "capabilities" not in listed
    assert api.get("/api/jobs", params={"pipeline": "capabilities"}).json()["jobs"], "listed where it is named"


def test_with_the_worker_gone_capabilities_say_what_is_missing(api: Client, live: LiveBench) -> None:
    assert live.worker is not None
    live.worker.send_signal(signal.SIGTERM)
    live.worker.wait(30)
    wait_for(lambda: len(live.bench.bus.queues.workers()) == 1)
    details = refused(api.get("/api/capabilities"), 503, "capabilities.incomplete")
    assert list(details["silent"]) == ["data"] and "generate.portrait_animation" in details["missing"]
    assert details["remedy"]


def test_a_worker_that_hangs_makes_nobody_wait_longer_than_ten_seconds(api: Client, live: LiveBench) -> None:
    assert live.worker is not None
    os.killpg(live.worker.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        details = refused(api.get("/api/capabilities"), 503, "capabilities.incomplete")
        assert time.monotonic() - began < 11 and "data" in details["silent"]
    finally:
        os.killpg(live.worker.pid, signal.SIGCONT)


def test_a_bus_that_hangs_makes_nobody_wait_longer_than_ten_seconds(api: Client, hanging_bus: None) -> None:
    began = time.monotonic()
    details = refused(api.get("/api/capabilities"), 503, "capabilities.incomplete")
    assert time.monotonic() - began < 11 and "bus" in details["silent"]


def test_with_the_bus_dead_the_system_page_still_says_what_it_knows(api: Client, live: LiveBench) -> None:
    assert live.bus_process is not None
    sigkill(live.bus_process)
    refused(api.get("/api/capabilities"), 503, "capabilities.incomplete")
    body = api.get("/api/system").json()
    assert body["queue"] is None and body["capabilities"] is None and body["workers"] == []
    parts = {part["name"]: part for part in body["parts"]}
    assert parts["bus"]["state"] == "down" and parts["bus"]["message"] and parts["sql"]["state"] == "external"
    assert live.settings.bus_url.split(":")[2].split("@")[0] not in api.get("/api/system").text, "no password"


def test_the_system_says_who_works_on_what(api: Client, asking: Asking, live: LiveBench, tmp_path: Path) -> None:
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
