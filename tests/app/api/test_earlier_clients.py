"""POST /api/infinitetalk and POST /api/train, with workers for fakes of F5-TTS and ComfyUI: nothing is rendered."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nodes._samples import sample_portrait
from nodes.generate._clips import ClipWriter
from tests.app.api.conftest import Asking, Client, refused
from tests.engine.graphs import document
from tests.live import ROOT, LiveDeployment, wait_for
from tests.nodes.comfyui_server import FakeComfyUI, serving
from tests.nodes.f5_models import put_models
from tests.store.media import write_tone
from workbench.client.uploads import keep_sample

pytestmark = pytest.mark.stack
FAKE_F5 = ROOT / "tests" / "nodes" / "fake_f5"


def form(tmp_path: Path, said: Any = None, **changed: Any) -> dict[str, Any]:
    """The three fields of the form, without those that are None."""
    files = {
        "image_file": ("me.png", sample_portrait(tmp_path).read_bytes(), "image/png"),
        "audio_file": ("voice.wav", write_tone(tmp_path / "voice.wav").read_bytes(), "audio/wav"),
        "data": (None, json.dumps(said if said is not None else {"prompt": "x", "refText": "y"})),
        **changed,
    }
    return {name: value for name, value in files.items() if value is not None}


@pytest.fixture
def engines(live: LiveDeployment, tmp_path: Path) -> Iterator[FakeComfyUI]:
    """Workers of the pools f5 and comfyui."""
    with ClipWriter(tmp_path / "made.mp4", Fraction(25)) as clip:
        for index in range(81):
            clip.add(np.full((32, 32, 3), index, np.uint8))
    fake = FakeComfyUI((tmp_path / "made.mp4").read_bytes())
    put_models(tmp_path / "models")
    with serving(fake) as url:
        roles = [
            live.start_role(
                "worker", "--pool", "f5",
                PYTHONPATH=f"{FAKE_F5}{os.pathsep}{ROOT}",
                WORKBENCH_MODELS=str(tmp_path / "models"),
            ),
            live.start_role("worker", "--pool", "comfyui", WORKBENCH_COMFYUI_URL=url, WORKBENCH_COMFYUI_POLL_S="0.05"),
        ]  # fmt: skip
        for role in roles:
            live.await_ready(role)
        yield fake
        for role in roles:
            role.send_signal(signal.SIGTERM)
        for role in roles:
            role.wait(30)


@pytest.mark.models
@pytest.mark.slow
def test_a_portrait_a_voice_and_a_prompt_become_a_video(
    api: Client, asking: Asking, live: LiveDeployment, engines: FakeComfyUI, tmp_path: Path
) -> None:
    data = {"prompt": "Say good morning in one short sentence.", "refText": "a tone"}
    answer = asking("ada/runner").post("/api/infinitetalk", files=form(tmp_path, data))
    assert answer.status_code == 202, answer.text
    assert set(answer.json()) == {"jobId", "status", "progress", "created"}
    record = live.finish(answer.json()["jobId"], 240)
    assert record.error is None and record.owner == "ada" and record.pipeline == "infinitetalk"
    statuses = {node.id: node.status.value for node in record.nodes}
    assert statuses == dict.fromkeys(("script", "speech", "animate", "upscale", "remux"), "completed")
    video = record.node("remux").output["video"]  # type: ignore[index]
    assert (video["width"], video["height"]) == (64, 64), "32 x 32, upscaled twofold"
    assert len(engines.posted) == 1 and engines.posted[0]["prompt"]["audio"]["inputs"]["audio"].startswith("workbench/")
    shown = api.get(f"/api/jobs/{record.id}").json()["job"]
    assert shown["options"]["options"]["refText"] == "a tone" and len(shown["options"]["options"]["voice"]) == 64
    card = next(p for p in api.get("/api/pipelines").json()["pipelines"] if p["name"] == "infinitetalk")
    assert card["offered"] and {one["name"]: one["use"] for one in card["inputs"]}["voice"] == "needed"


def test_without_such_workers_the_pipeline_is_unavailable_with_a_reason(api: Client, live: LiveDeployment) -> None:
    def reason() -> str:
        card = next(p for p in api.get("/api/pipelines").json()["pipelines"] if p["name"] == "infinitetalk")
        return "" if card["offered"] else str(card["reason"])

    said = wait_for(reason)
    assert "pool f5" in said and "pool comfyui" in said


def test_incomplete_or_mislabelled_forms_are_refused(
    api: Client, asking: Asking, live: LiveDeployment, tmp_path: Path
) -> None:
    def post(**changed: Any) -> Any:
        return api.post("/api/infinitetalk", files=form(tmp_path, **changed))

    assert refused(post(audio_file=None), 422, "request.invalid")["where"] == "audio_file"
    assert refused(post(image_file=None), 422, "request.invalid")["where"] == "image_file"
    refused(post(surprise=("x.png", b"x", "image/png")), 422, "request.invalid")
    refused(post(note=(None, "x")), 422, "request.invalid")
    assert "data" in refused(post(data=(None, "{")), 422, "request.invalid")["where"]
    assert "data.prompt" in refused(post(data=(None, '{"prompt": 7}')), 422, "request.invalid")["where"]
    refused(post(data=(None, '{"other": 1}')), 422, "request.invalid")
    refused(post(data=(None, '{"prompt": "' + "x" * 200_000 + '"}')), 422, "request.invalid")
    refused(post(data=(None, "[" * 5000)), 422, "request.invalid")
    html = ("me.png", b"<html><script>alert(1)</script></html>", "image/png")
    assert post(image_file=html).status_code in (415, 422)
    refused(post(data=(None, "{}")), 422, "pipeline.bad_option")  # neither prompt nor script
    refused(api.post("/api/infinitetalk", json={"prompt": "x"}), 422, "request.invalid")
    refused(asking("eve/viewer").post("/api/infinitetalk", files=form(tmp_path)), 403, "access.forbidden")
    assert not list((live.settings.home / "incoming").glob("*")), "a temporary file is left"


def test_train_submits_a_pipeline_or_a_graph(api: Client, live: LiveDeployment) -> None:
    portrait = keep_sample(live.deployment, "local").ref.sha256
    fixed = {
        "mode": "fixed_graph",
        "variant": "talking_head",
        "prompt": "Say good morning.",
        "options": {"portrait": portrait, "experiment": "trained", "leaveOut": ["evaluate"]},
        "params": {"animate": {"sway": 0.5}},
    }
    answer = api.post("/api/train", json=fixed, headers={"Idempotency-Key": "train-1"})
    assert answer.status_code == 202 and set(answer.json()) == {"jobId", "status", "progress", "created"}, answer.text
    job = live.deployment.job(answer.json()["jobId"])
    assert (job.pipeline, job.experiment) == ("talking_head", "trained")
    assert job.graph.node("animate").params["sway"] == 0.5 and job.graph.node("script").params["prompt"]
    again = api.post("/api/train", json=fixed, headers={"Idempotency-Key": "train-1"})
    assert again.json()["jobId"] == job.id
    live.deployment.cancel(job.id)
    graph = document({"a": {"service": "probe.data", "params": {"value": "process"}}})
    answer = api.post(
        "/api/train", json={"mode": "process_graph", "params": {"graph": graph}, "options": {"lane": "batch"}}
    )
    assert answer.status_code == 202, answer.text
    assert live.finish(answer.json()["jobId"]).lane.value == "batch"


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"mode": "other"}, "mode"),
        ({"mode": "fixed_graph"}, ""),
        ({"mode": "fixed_graph", "variant": "talking_head", "options": {"seed": "x"}}, "options.seed"),
        ({"mode": "fixed_graph", "variant": "talking_head", "params": {"animate": 7}}, "params.animate"),
        ({"mode": "process_graph"}, "params.graph"),
        ({"mode": "process_graph", "params": {"graph": {}, "other": 1}}, "params.other"),
        ({"mode": "process_graph", "params": {"graph": {}}, "variant": "x"}, "variant"),
        ({"mode": "process_graph", "params": {"graph": []}}, "graph"),
        ({"mode": "process_graph", "params": {"graph": {}}, "options": {"seed": 1}}, "seed"),
        ({"mode": "fixed_graph", "variant": "talking_head", "options": {"experiment": "\0"}}, "experiment"),
    ],
)
def test_a_train_request_for_no_mode_is_refused(api: Client, body: dict[str, Any], where: str) -> None:
    details = refused(api.post("/api/train", json=body), 422, "request.invalid")
    assert where in details.get("where", "")
