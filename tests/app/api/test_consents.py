"""Consent over HTTP: asked for by every call that submits, listed, withdrawn, and found by an erasure."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from typing import Any

import pytest

from tests.app.api.conftest import Client, client_of, refused
from tests.app.api.test_erasure import counts
from tests.app.uploads.media import picture, wav
from tests.engine.graphs import document
from tests.live import wait_for
from workbench.client.consent_records import give_for_home
from workbench.client.deployment import Deployment

pytestmark = pytest.mark.stack
Asking = Callable[[str], Client]
ADA = {"given": True, "name": "Ada Lovelace", "text": "I agree."}


@pytest.fixture
def asking(strict: Deployment) -> Asking:
    return lambda user: client_of(strict, user)


def uploaded(client: Client) -> dict[str, Any]:
    content = picture(size=(24, 16 + secrets.randbelow(2_000)))
    answer = client.post("/api/uploads", data={"kind": "image"}, files={"file": ("me.png", content, "image/png")})
    assert answer.status_code == 201, answer.text
    return dict(answer.json()["ref"])


def graph(ref: dict[str, Any]) -> dict[str, Any]:
    return document({"a": {"service": "generate.upscale_image", "input": {"image": ref}}})


def submit(client: Client, ref: dict[str, Any], **fields: Any) -> str:
    answer = client.post("/api/jobs", json={"graph": graph(ref), **fields})
    assert answer.status_code == 202, answer.text
    job = str(answer.json()["jobId"])
    client.post(f"/api/jobs/{job}/cancel")
    wait_for(lambda: client.get(f"/api/status/{job}").json()["status"] in ("cancelled", "completed"))
    return job


def test_every_call_that_submits_needs_it_and_says_how_to_give_it(asking: Asking) -> None:
    ann = asking("clara/runner")
    ref = uploaded(ann)
    voice = ann.post("/api/uploads", files={"file": ("me.wav", wav(1.0, hertz=100 + secrets.randbelow(900)))})
    of_pipeline = {"pipeline": "transcribe", "options": {"audio": voice.json()["ref"]["sha256"]}}
    for path, body in (
        ("/api/jobs", {"graph": graph(ref)}),
        ("/api/jobs", of_pipeline),
        ("/api/train", {"mode": "process_graph", "params": {"graph": graph(ref)}}),
        ("/api/jobs", {"graph": graph(ref), "consent": {"given": False}}),
    ):
        details = refused(ann.post(path, json=body), 422, "consent.missing")
        assert '"consent": {"given": true, "name": "YOUR NAME"}' in details["remedy"]
    assert details["where"] == "consent.given"
    files = {
        "image_file": ("me.png", picture(size=(300, 290)), "image/png"),
        "audio_file": ("me.wav", wav(2.0), "audio/wav"),
        "data": (None, json.dumps({"prompt": "x", "refText": "y"})),
    }
    refused(ann.post("/api/infinitetalk", files=files), 422, "consent.missing")
    assert ann.get("/api/jobs").json()["pagination"]["total"] == 0
    assert ann.post("/api/estimate", json=of_pipeline).status_code == 200, "an estimate needs none"
    refused(
        ann.post("/api/jobs", json={"graph": graph(ref), "consent": {"given": True, "name": " "}}),
        422,
        "request.invalid",
    )
    given = {"mode": "process_graph", "params": {"graph": graph(ref)}, "options": {"consent": ADA}}
    assert ann.post("/api/train", json=given).status_code == 202
    job = submit(ann, ref)
    assert ann.post(f"/api/jobs/{job}/rerun").status_code == 202
    assert ann.post("/api/jobs", json={**of_pipeline, "consent": {"given": True}}).status_code == 202
    listed = ann.get("/api/consents").json()["consents"]
    assert [(one["name"], one["file"]) for one in listed] == [("clara", "me.wav"), ("Ada Lovelace", "me.png")]
    assert [one["text"] for one in listed][1] == "I agree."


def test_a_withdrawal_ends_the_users_own_and_an_administrators_ends_all(asking: Asking, strict: Deployment) -> None:
    ann, bob, root = asking("clara/runner"), asking("cyril/runner"), asking("root/admin")
    anns, bobs = uploaded(ann), uploaded(bob)
    first = submit(ann, anns, consent=ADA)
    submit(bob, bobs, consent=ADA)
    refused(asking("eve/viewer").get("/api/consents"), 403, "access.forbidden")
    refused(asking("eve/viewer").post("/api/withdrawals", json={"name": "Ada Lovelace"}), 403, "access.forbidden")
    refused(ann.post("/api/withdrawals", json={"name": "Ada"}), 404, "consent.unknown")
    assert len(ann.get("/api/consents").json()["consents"]) == 1
    named = [one["owner"] for one in root.get("/api/consents").json()["consents"] if one["name"] == "Ada Lovelace"]
    assert named == ["cyril", "clara"]
    answer = ann.post("/api/withdrawals", json={"name": "Ada Lovelace"}).json()
    assert answer["files"] == [anns["sha256"]] and '{"consent": "Ada Lovelace"}' in answer["remedy"]
    refused(ann.post("/api/jobs", json={"graph": graph(anns)}), 422, "consent.withdrawn")
    refused(ann.post(f"/api/jobs/{first}/rerun"), 422, "consent.withdrawn")
    submit(bob, bobs)
    assert root.post("/api/withdrawals", json={"name": "Ada Lovelace"}).json()["withdrawn"] == 1
    refused(bob.post("/api/jobs", json={"graph": graph(bobs)}), 422, "consent.withdrawn")
    accepted = ann.post(f"/api/jobs/{first}/rerun", json={"consent": ADA})
    assert accepted.status_code == 202, "the person may agree again"


def test_an_erasure_finds_everything_that_a_person_consented_to(asking: Asking, strict: Deployment) -> None:
    ann, bob, root = asking("clara/runner"), asking("cyril/runner"), asking("root/admin")
    anns, others, bobs = uploaded(ann), uploaded(ann), uploaded(bob)
    job = submit(ann, anns, consent=ADA)
    kept = submit(ann, others, consent={"given": True})
    bobs_job = submit(bob, bobs, consent=ADA)
    ann.post("/api/withdrawals", json={"name": "Ada Lovelace"})  # an erasure finds withdrawn consents too
    refused(ann.post("/api/erasures", json={"consent": "Nobody"}), 404, "deletion.unknown")
    asked = {"consent": "Ada Lovelace"}
    seen = ann.post("/api/erasures", json={**asked, "dryRun": True}).json()
    assert seen["jobs"] == [job] and (counts(seen)["uploads"], counts(seen)["consents"]) == (1, 1)
    assert len(ann.get("/api/consents").json()["consents"]) == 2, "a dry run changes nothing"
    report = ann.post("/api/erasures", json=asked).json()
    assert report["jobs"] == [job] and counts(report)["consents"] == 1 and "Ada Lovelace" in report["target"]
    assert [one["name"] for one in ann.get("/api/consents").json()["consents"]] == ["clara"]
    assert ann.get(f"/api/jobs/{kept}").status_code == 200
    report = root.post("/api/erasures", json=asked).json()
    assert report["jobs"] == [bobs_job] and not strict.objects.has(bobs["sha256"])
    report = ann.post("/api/erasures", json={"file": others["sha256"]}).json()
    assert counts(report)["consents"] == 1, "the consent to an erased file goes with it"
    assert not strict.consents.listed("clara") and not strict.consents.listed("cyril")


def test_a_home_or_a_setting_spares_clients_that_cannot_ask(asking: Asking, strict: Deployment) -> None:
    local = asking("")
    ref = uploaded(local)
    details = refused(local.post("/api/jobs", json={"graph": graph(ref)}), 422, "consent.missing")
    assert "workbench consent give" in details["remedy"] and "WORKBENCH_CONSENT=NAME" in details["remedy"]
    give_for_home(strict, "Ada Lovelace")
    job = submit(local, ref)
    assert local.get(f"/api/jobs/{job}").json()["job"]["lastGraph"]["metadata"]["consent"]["by"] == "Ada Lovelace"
    stated = client_of(Deployment(strict.settings.model_copy(update={"consent": "The lab"})), "clara/runner")
    job = submit(stated, uploaded(stated))
    assert stated.get(f"/api/jobs/{job}").json()["job"]["lastGraph"]["metadata"]["consent"]["source"] == "setting"
    report = stated.post("/api/erasures", json={"consent": "The lab", "dryRun": True}).json()
    assert report["jobs"] == [job] and "WORKBENCH_CONSENT" in report["stays"][0]["what"]
