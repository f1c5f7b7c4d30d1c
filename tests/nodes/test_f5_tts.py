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
ctx = local_context(folder / "store", seed=given["seed"], settings={
    "f5_checkpoint": str(folder / "model.safetensors"), "f5_vocoder": str(folder)})
voice = ctx.save((folder / "voice.wav").read_bytes(), "audio")
out = run_locally(f5_tts.run, ctx, given["params"], {
    "narration": "Good morning to you.", "voice": voice, "ref_text": "what is said"})
manifest = manifests({"x": DECLARED["generate.f5_tts"]})[0]
print(json.dumps({"audio": out.audio.model_dump(mode="json"), "available": manifest.available,
                  "weights": manifest.weights, "progress": ctx.host.progressed}))
"""


def spoken(folder: Path, seed: int = 1, **params: Any) -> dict[str, Any]:
    write_tone(folder / "voice.wav")
    (folder / "model.safetensors").touch()
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
    assert first["available"] and len(first["weights"]) == 64 and first["progress"][-1][:2] == [1, 1]
    assert spoken(tmp_path)["audio"] == first["audio"]
    assert spoken(tmp_path, seed=2)["audio"]["sha256"] != first["audio"]["sha256"]
    assert spoken(tmp_path, speed=2.0)["audio"]["durationS"] == pytest.approx(0.3, abs=0.05)


def test_the_manifest_reports_a_missing_package() -> None:
    manifest = next(item for item in manifests(services()) if item.service == "generate.f5_tts")
    assert not manifest.available and "f5-tts" in manifest.missing and manifest.pool == "f5"


def test_without_local_files_nothing_is_downloaded(tmp_path: Path) -> None:
    ctx = local_context(tmp_path / "store")
    voice = ctx.save(write_tone(tmp_path / "voice.wav").read_bytes(), "audio")
    inputs = {"narration": "Hi.", "voice": voice, "ref_text": "x"}
    with pytest.raises(NodeError) as caught:
        run_locally(f5_tts.run, ctx, {}, inputs)
    assert (caught.value.code, caught.value.where) == ("node.model_unavailable", "WORKBENCH_F5_CHECKPOINT")
