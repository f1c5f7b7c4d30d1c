"""LoRAs on the command line: listed, given by name, and a training's report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from schemas.consent import Consent
from tests.app.uploads.media import archive, picture
from tests.cli.program import Program
from tests.client.test_loras import graph, portraits
from tests.live import wait_for
from workbench.client.submit import submit_graph
from workbench.engine.accept import Request

pytestmark = pytest.mark.stack


def test_a_lora_is_listed_and_taken_by_its_name(program: Program, tmp_path: Path) -> None:
    images = portraits(program.client, tmp_path, "local")
    asked = {"pipeline": "train_lora", "options": {"name": "ada", "images": images.sha256}, "params": {}}
    document = {**graph(images, trigger="sks", model="sd-1.5"), "metadata": {"asked": asked}}
    stated = Consent(given=True, name="Ada")
    job = submit_graph(program.client, Request(document, pipeline="train_lora"), stated).job
    wait_for(lambda: program.client.job(job).status.final)
    [listed] = [one for one in program.json("loras")["loras"] if one["name"] == "ada"]
    assert (listed["jobId"], listed["trigger"], listed["baseModel"], listed["consent"]) == (job, "sks", "sd-1.5", "Ada")
    shown = program.run("loras")
    assert "trigger word" in shown and job in shown
    video = ("run", "svd_wav2lip", "--scene", "sks", "--script", "Hello.", "--json")
    unknown = program.try_(*video, "--lora", "nobody").error
    assert (unknown["code"], unknown["details"]["where"], unknown["details"]["allowed"]) == (
        "lora.unknown",
        "lora",
        ["ada"],
    )
    missing = program.try_(*video, "--lora", "ada.safetensors").error
    assert (missing["code"], missing["details"]["where"]) == ("node.bad_input", "ada.safetensors")
    found = program.try_(*video, "--lora", "ada").error
    assert found["code"] == "node.missing_package", "the name is known, but no worker of the pool torch is here"


def test_a_zip_and_a_lora_are_uploaded_by_their_names(program: Program, tmp_path: Path) -> None:
    path = tmp_path / "ada.zip"
    path.write_bytes(archive(**{"a.png": picture(size=(64, 48))}))
    assert json.loads(program.run("upload", str(path)))["mediaType"] == "application/zip"
    wrong = program.try_("run", "train_lora", "--name", "ada", "--images", str(tmp_path / "none.zip"), "--json").error
    assert (wrong["code"], wrong["details"]["where"]) == ("node.bad_input", str(tmp_path / "none.zip"))
    photo = tmp_path / "me.png"
    photo.write_bytes(picture())
    wrong = program.try_("run", "train_lora", "--name", "ada", "--images", str(photo), "--json").error
    assert (wrong["code"], wrong["details"]["allowed"]) == ("upload.refused", "a zip of portraits")
    bad = program.try_("run", "train_lora", "--name", "Ada L", "--images", str(path), "--json").error
    assert bad["code"] == "request.invalid" and "name" in bad["details"]["where"]
