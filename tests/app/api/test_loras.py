"""Trainings and LoRAs over HTTP."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.app.api.conftest import Asking, refused
from tests.app.uploads.media import archive
from tests.client.test_loras import lora_of, portraits, train
from tests.live import LiveDeployment
from tests.portrait_sets import encoded

pytestmark = pytest.mark.stack
CONSENT = {"given": True, "name": "Ada Lovelace"}


def uploaded(client: Any) -> str:
    """The digest of an uploaded zip with six different images."""
    images = {f"{i}.png": encoded(Image.frombytes("RGB", (16, 16), secrets.token_bytes(768))) for i in range(6)}
    answer = client.post("/api/uploads", files={"file": ("ada.zip", archive(**images))}, data={"kind": "portraits"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["ref"]["sha256"])


def test_a_user_lists_and_uses_the_loras_of_their_trainings(
    asking: Asking, live: LiveDeployment, tmp_path: Path
) -> None:
    wanda, will, vera = (asking(f"{one}-{secrets.token_hex(3)}/{one}") for one in ("runner", "runner", "viewer"))
    owner = wanda.headers["x-user"].partition("/")[0]
    record = train(live, live.deployment, "ada", portraits(live.deployment, tmp_path, owner), owner)
    [listed] = wanda.get("/api/loras").json()["loras"]
    assert (listed["name"], listed["jobId"], listed["trigger"]) == ("ada", record.id, "sks")
    assert listed["ref"]["sha256"] == lora_of(record).sha256
    assert wanda.get(listed["url"], follow_redirects=False).is_redirect
    assert will.get("/api/loras").json() == {"loras": []}
    assert listed in vera.get("/api/loras").json()["loras"], "a viewer sees the jobs of all"
    assert wanda.get("/api/loras", params={"job": record.id}).json() == {"loras": [listed]}
    body = {"pipeline": "svd_wav2lip", "options": {"lora": "ada", "scene": "sks", "script": "Hello."}}
    details = refused(will.post("/api/jobs", json=body), 404, "lora.unknown")
    assert (details["where"], details["allowed"]) == ("lora", "no LoRA was trained yet")
    body["options"]["lora"] = "Ada"
    assert refused(wanda.post("/api/jobs", json=body), 422, "request.invalid")["where"] == "options.lora"
    body["options"]["lora"] = listed["ref"]["sha256"]
    refused(will.post("/api/jobs", json=body), 404, "artifact.unknown")


@pytest.mark.parametrize("path", ["/api/jobs", "/api/train"])
def test_a_training_needs_a_consent_to_its_portraits(asking: Asking, path: str) -> None:
    wanda = asking(f"wanda-{secrets.token_hex(3)}/runner")
    sha256 = uploaded(wanda)
    [listed] = wanda.get("/api/uploads", params={"kind": "portraits"}).json()["uploads"]
    assert (listed["ref"]["sha256"], listed["kind"]) == (sha256, "portraits")

    def send(consent: dict[str, Any]) -> Any:
        options: dict[str, Any] = {"name": "ada", "images": sha256}
        if path == "/api/train":  # the earlier client's generic call
            options["consent"] = consent
            return wanda.post(path, json={"mode": "fixed_graph", "variant": "train_lora", "options": options})
        return wanda.post(path, json={"pipeline": "train_lora", "options": options, "consent": consent})

    refused(send({"given": False}), 422, "consent.missing")
    details = refused(send(CONSENT), 422, "node.missing_package")  # no worker of the pool torch is here
    assert "workbench worker --pool torch" in details["remedy"]
    assert wanda.get("/api/jobs").json()["jobs"] == []
