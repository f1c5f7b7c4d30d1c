"""The examples run as a person runs them: commands against a stack, without a server that the chain does not need."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest

from tests.app.uploads.media import wav
from tests.consent import STATED
from workbench.host import PORTABLE

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
PARTS = "bus,objects,sql,control,worker"


class Deployment:
    """A stack in a folder of its own, and the program ``workbench`` on it."""

    def __init__(self, home: Path, packages: Path, folder: Path) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("WORKBENCH_")}
        more = {"WORKBENCH_HOME": str(home), "PYTHONPATH": str(packages), PORTABLE: "1"}  # every part as on macOS
        self.environment, self.folder = {**clean, **STATED, **more}, folder

    def run(self, *arguments: str, expect: int = 0) -> str:
        ended = subprocess.run(
            [sys.executable, "-P", "-m", "workbench.cli.main", *arguments],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
        assert ended.returncode == expect, f"{arguments}: {ended.returncode}\n{ended.stdout}\n{ended.stderr}"
        return ended.stdout

    def python(self, code: str, *arguments: str) -> str:
        """What a program of Python prints last."""
        ended = subprocess.run(
            [sys.executable, "-P", "-c", code, *arguments],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr[-3000:]
        return ended.stdout.splitlines()[-1]

    def job(self, graph: Path) -> dict[str, Any]:
        """Submit a graph, wait for its end, and return the job as ``--json`` shows it."""
        shown: dict[str, Any] = json.loads(self.run("submit", "--wait", "--json", str(graph)))
        return shown


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the example package is installed: its files and its entry point, nothing in the venv."""
    target = tmp_path_factory.mktemp("site")
    source = tmp_path_factory.mktemp("source") / "node_package"
    subprocess.run(["cp", "-r", str(EXAMPLES / "node_package"), str(source)], check=True)
    pip = [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-deps", "--no-index"]
    # The build backend is installed: nothing is fetched.
    subprocess.run([*pip, "--no-build-isolation", "--target", str(target), str(source)], check=True)
    return target


@pytest.fixture(scope="module")
def deployment(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("comfyui")  # modules of the same names as ours, as a checkout of ComfyUI has
    (folder / "schemas").mkdir()
    for name in ("nodes.py", "schemas/__init__.py"):
        (folder / name).write_text("raise RuntimeError('a process of the workbench imported a module of this folder')")
    deployment = Deployment(tmp_path_factory.mktemp("home"), packages, folder)
    deployment.run("up", "--detach", "--only", PARTS)
    try:
        yield deployment
    finally:
        deployment.run("down")


@pytest.mark.chain
@pytest.mark.stack
@pytest.mark.models
def test_older_spelling_and_a_node_of_another_package_run_over_both_planes(
    deployment: Deployment, tmp_path: Path
) -> None:
    graph = json.loads((EXAMPLES / "older_spelling.json").read_text())
    graph["nodes"].append({"id": "level", "service": "measure.loudness", "plane": "python", "progressWeight": 2})
    graph["edges"].append({"from": "voice", "to": "level"})
    path = tmp_path / "graph.json"
    path.write_text(json.dumps(graph))

    shown = deployment.job(path)

    assert shown["status"] == "completed"
    assert {node["id"]: node["plane"] for node in shown["nodes"]} == {
        "words": "control",
        "voice": "data",
        "level": "data",
    }
    assert -40 < shown["metrics"]["level.loudness_dbfs"] < -10  # speech, neither silence nor noise


EVERYWHERE = """
import json, sys
from starlette.testclient import TestClient
from workbench import RunRequest, connect
from workbench.app.server import create_app
from workbench.client.access import LOCAL

recording, key = sys.argv[1:]
wb = connect(start=False)
asked = RunRequest(pipeline="loudness_report", recording=recording, blocks="long")
job = wb.run(**asked.options(), key=key)
app = create_app(wb.deployment, pages=True)


async def asked_by_the_local_user(scope, receive, send):  # the guard says so else
    scope.setdefault("state", {})["user"] = LOCAL
    await app(scope, receive, send)


with TestClient(asked_by_the_local_user, "http://127.0.0.1") as api:
    digest = job.record.graph.metadata["asked"]["options"]["recording"]
    body = {"pipeline": "loudness_report", "options": {"recording": digest, "blocks": "long"}}
    again = api.post("/api/jobs", json=body, headers={"Idempotency-Key": key}).json()
    entry = next(one for one in api.get("/api/pipelines").json()["pipelines"] if one["name"] == "loudness_report")
    described = api.get("/openapi.json").json()["components"]["schemas"]
    components = api.get("/config").json()["components"]
print(json.dumps({
    "notebook": job.id,
    "listed": "loudness_report" in repr(wb.pipelines),
    "http": again["jobId"],
    "inputs": [(one["name"], one["kind"], one["use"]) for one in entry["inputs"]],
    "openapi": sorted(described["LoudnessReportOptions"]["properties"]),
    "page": [one["props"]["elem_id"] for one in components if one["props"].get("elem_id")],
}))
"""


@pytest.mark.stack
def test_a_pipeline_of_another_package_appears_on_every_front_end(deployment: Deployment, tmp_path: Path) -> None:
    recording = tmp_path / "tone.wav"
    recording.write_bytes(wav(2.0))
    given = ("--recording", str(recording), "--blocks", "long")

    assert "--floor-dbfs" in deployment.run("run", "loudness_report", "--help")
    shown = json.loads(deployment.run("run", "loudness_report", *given, "--key", "once", "--json"))
    assert shown["status"] == "completed" and -20 < shown["metrics"]["level.loudness_dbfs"] < -10
    refused = json.loads(deployment.run("run", "loudness_report", *given, "--floor-dbfs", "3", "--json", expect=2))
    assert refused["error"]["code"] == "request.invalid" and "floor_dbfs" in refused["error"]["details"]["where"]
    found = json.loads(deployment.python(EVERYWHERE, str(recording), "once"))
    assert found["listed"]
    assert {shown["jobId"]} == {found["notebook"], found["http"]}, "one key is one job, whichever front end it came by"
    assert found["inputs"] == [
        ["recording", "audio", "needed"],
        ["floor_dbfs", "number", "optional"],
        ["blocks", "choice", "optional"],
    ]
    assert {"recording", "floorDbfs", "blocks", "seed", "leaveOut", "fresh"} == set(found["openapi"])
    assert {"field-recording", "recording-source", "field-floor-dbfs", "field-blocks"} <= set(found["page"])


@pytest.mark.stack
@pytest.mark.models
def test_a_parameter_out_of_bounds_is_refused_before_anything_runs(deployment: Deployment, tmp_path: Path) -> None:
    graph = json.loads((EXAMPLES / "older_spelling.json").read_text())
    graph["nodes"][1]["params"] = {"speed": 9}
    path = tmp_path / "graph.json"
    path.write_text(json.dumps(graph))
    before = deployment.run("job", "list", "--json")

    deployment.run("submit", str(path), expect=2)

    assert deployment.run("job", "list", "--json") == before


@pytest.mark.stack
@pytest.mark.models
@pytest.mark.slow
@pytest.mark.parametrize("name", ["talking_head", "fan_out"])
def test_graph_makes_videos_that_play(deployment: Deployment, name: str, tmp_path: Path) -> None:
    deployment.run("upload", "sample")
    shown = deployment.job(EXAMPLES / f"{name}.json")
    assert shown["status"] == "completed", shown

    deployment.run("job", "artifacts", shown["jobId"], "--save", str(tmp_path))
    videos = sorted(tmp_path.glob("remux*.video.*"))
    assert len(videos) == (3 if name == "fan_out" else 1)
    for video in videos:
        with av.open(str(video)) as container:
            assert sum(1 for _ in container.decode(video=0)) > 25
            assert container.streams.audio


def test_portrait_of_the_examples_is_the_packaged_one(tmp_path: Path) -> None:
    from hashlib import sha256

    from nodes._samples import sample_portrait

    digest = sha256(sample_portrait(tmp_path).read_bytes()).hexdigest()
    for name in ("talking_head", "fan_out"):
        graph = json.loads((EXAMPLES / f"{name}.json").read_text())
        named = {node["input"]["image"]["sha256"] for node in graph["nodes"] if "image" in node.get("input", {})}
        assert named == {digest}
