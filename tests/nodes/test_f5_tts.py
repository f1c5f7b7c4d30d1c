"""generate.f5_tts with a stand-in for the package, in a process of its own: nothing is really spoken."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nodes.generate import f5_tts
from nodes.local import local_context, run_locally
from nodes.manifest import manifests
from nodes.registry import services
from nodes.sdk import NodeError
from nodes.weights import record
from schemas.errors import WorkbenchError
from tests.nodes.f5_models import put_models
from tests.store.media import write_tone

ROOT = Path(__file__).parents[2]
FAKE = Path(__file__).parent / "fake_f5"
PROGRAM = """
import json, sys
from pathlib import Path
from nodes.generate import f5_tts
from nodes.local import local_context, run_locally
from nodes.manifest import manifests
from nodes.sdk import DECLARED
folder = Path(sys.argv[1])
given = json.loads(sys.argv[2])
ctx = local_context(folder / "store", seed=given["seed"], settings={"models": str(folder / "models")})
voice = ctx.save((folder / "voice.wav").read_bytes(), "audio")
out = run_locally(f5_tts.run, ctx, given["params"], {
    "narration": "Good morning to you.", "voice": voice, "ref_text": "what is said"})
manifest = manifests({"x": DECLARED["generate.f5_tts"]})[0]
print(json.dumps({"audio": out.audio.model_dump(mode="json"), "available": manifest.available,
                  "models": manifest.models, "progress": ctx.host.progressed}))
"""


def spoken(folder: Path, seed: int = 1, **params: Any) -> dict[str, Any]:
    write_tone(folder / "voice.wav")
    put_models(folder / "models")
    environment = {**os.environ, "PYTHONPATH": f"{FAKE}{os.pathsep}{ROOT}"}
    given = json.dumps({"seed": seed, "params": params})
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder), given],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    found: dict[str, Any] = json.loads(run.stdout)
    return found


def test_the_text_is_spoken_in_the_voice(tmp_path: Path) -> None:
    first = spoken(tmp_path)
    assert first["audio"]["sampleRateHz"] == 24_000 and first["audio"]["durationS"] == pytest.approx(0.6, abs=0.05)
    assert first["available"] and first["models"] == ["model", "vocoder"] and first["progress"][-1][:2] == [1, 1]
    assert spoken(tmp_path)["audio"] == first["audio"]
    assert spoken(tmp_path, seed=2)["audio"]["sha256"] != first["audio"]["sha256"]
    assert spoken(tmp_path, speed=2.0)["audio"]["durationS"] == pytest.approx(0.3, abs=0.05)


def test_the_manifest_reports_a_missing_package() -> None:
    manifest = next(item for item in manifests(services()) if item.service == "generate.f5_tts")
    assert not manifest.available and "f5-tts" in manifest.missing and manifest.pool == "f5"


def test_without_local_files_nothing_is_downloaded(tmp_path: Path) -> None:
    models = tmp_path / "models"
    ctx = local_context(tmp_path / "store", settings={"models": str(models)})
    voice = ctx.save(write_tone(tmp_path / "voice.wav").read_bytes(), "audio")
    inputs = {"narration": "Hi.", "voice": voice, "ref_text": "x"}
    with pytest.raises(WorkbenchError) as missing:
        run_locally(f5_tts.run, ctx, {}, inputs)
    assert missing.value.code == "node.model_unavailable" and "models fetch f5tts-v1-base" in missing.value.remedy
    put_models(models)
    (models / "f5tts-v1-base" / "vocab.txt").unlink()
    record(models / "f5tts-v1-base")
    with pytest.raises(NodeError) as incomplete:
        run_locally(f5_tts.run, ctx, {}, inputs)
    assert "vocab.txt" in incomplete.value.message and "models list" in incomplete.value.remedy
