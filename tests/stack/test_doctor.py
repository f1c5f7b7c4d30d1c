"""The doctor tries real servers, and finds what is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.stack.conditions import workbench
from workbench.client.deployment import Deployment
from workbench.client.uploads import store_file
from workbench.embedded.run import StackOptions
from workbench.embedded.stack import ensure_running, stop
from workbench.settings import load_settings
from workbench.store.objects import object_key

pytestmark = pytest.mark.stack


def one_artifact_is_damaged_and_brought_in_again(home: Path, folder: Path) -> None:
    deployment = Deployment(load_settings(home=home))
    (folder / "film.mp4").write_bytes(b"the right bytes")
    ref = store_file(deployment, folder / "film.mp4", "file")[0]
    deployment.grants.add_upload("ana", ref, {})
    deployment.objects.put_bytes(object_key(ref.sha256), b"the wrong bytes", "video/mp4")
    (deployment.cache.folder / ref.sha256[:2] / ref.sha256).unlink()
    wrong = workbench(home, "doctor", "--objects", "--json")
    report = json.loads(wrong.stdout)
    assert wrong.returncode == 4
    assert (report["objects"]["artifacts"], report["objects"]["sizeBytes"]) == (1, 15)
    (damaged,) = report["objects"]["damaged"]
    assert (damaged["sha256"], damaged["condition"], damaged["heals"]) == (ref.sha256, "damaged", False)
    assert (damaged["name"], damaged["uploadedBy"]) == ("film.mp4", ["ana"])
    problems = [finding for finding in report["findings"] if finding["level"] == "problem"]
    assert [finding["check"] for finding in problems] == ["objects read", "artifact"]
    assert "Upload the same file again" in problems[1]["remedy"]
    store_file(deployment, folder / "film.mp4", "file")[0]
    whole = workbench(home, "doctor", "--objects")
    assert whole.returncode == 0 and "1 artifacts" in whole.stdout and "none damaged" in whole.stdout


def test_all_is_well_and_then_it_is_not(tmp_path: Path) -> None:
    home = tmp_path / "home"
    try:
        ensure_running(home, StackOptions(only=("bus", "objects", "sql")))
        fine = workbench(home, "doctor", "--json")
        findings = {finding["check"]: finding for finding in json.loads(fine.stdout)["findings"]}
        assert fine.returncode == 0, fine.stdout
        assert {findings[f"{part} used"]["level"] for part in ("bus", "objects", "sql")} == {"ok"}
        assert findings["encoder"]["level"] == "ok"
        one_artifact_is_damaged_and_brought_in_again(home, tmp_path)
    finally:
        stop(home)
    stopped = workbench(home, "doctor", "--json")
    assert stopped.returncode == 4
    problems = [f for f in json.loads(stopped.stdout)["findings"] if f["level"] == "problem"]
    assert [problem["check"] for problem in problems] == ["stack"]
    assert "workbench up" in problems[0]["remedy"]
