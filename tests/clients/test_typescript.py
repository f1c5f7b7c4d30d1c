"""The TypeScript client: generated from the running app's description, compiled strictly, and tried from Node."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.app.live.conftest import App
from tests.app.live.conftest import _guarded as _guarded
from tests.app.live.conftest import guarded as guarded
from tests.app.serve import TOKEN
from tests.engine.graphs import document
from tests.live import ROOT

pytestmark = [pytest.mark.stack, pytest.mark.slow]


def npm(*arguments: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    import os

    return subprocess.run(
        ["npm", *arguments],
        cwd=folder,
        env={**os.environ, "npm_config_update_notifier": "false", "npm_config_fund": "false", **variables},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.fixture
def client(tmp_path: Path) -> Path:
    """The client in a folder of its own, with its packages."""
    if shutil.which("npm") is None:
        pytest.skip("there is no npm: install Node 20 or newer (Debian: apt-get install nodejs npm)")
    folder = tmp_path / "typescript"
    ours = shutil.ignore_patterns("node_modules", "build", "schema.ts", "package-lock.json")
    shutil.copytree(ROOT / "clients" / "typescript", folder, ignore=ours)
    installed = npm("install", "--no-audit", folder=folder)
    if installed.returncode:
        last = installed.stderr.strip().splitlines()[-1:]
        pytest.skip(
            f"npm cannot install packages ({last}): give it a registry that answers (`npm config set registry`)"
        )
    return folder


def test_the_client_is_generated_compiled_and_works(guarded: App, client: Path, tmp_path: Path) -> None:
    graph = tmp_path / "graph.json"
    nodes = {
        "a": {"service": "probe.data", "params": {"value": "a", "file_kib": 4}},
        "b": {"service": "probe.control", "params": {"value": "b", "fail_times": 0}},
    }
    graph.write_text(json.dumps(document(nodes, [("a", "b")])))
    variables = {"WORKBENCH_URL": guarded.url, "WORKBENCH_GRAPH": str(graph), "WORKBENCH_TOKEN": TOKEN}
    for script in ("generate", "build", "test"):
        ran = npm("run", script, folder=client, **variables)
        assert ran.returncode == 0, f"npm run {script}: {ran.stdout[-4000:]}\n{ran.stderr[-4000:]}"
    assert "pass 2" in ran.stdout


def test_every_package_is_pinned() -> None:
    package = json.loads((ROOT / "clients" / "typescript" / "package.json").read_text())
    for name, version in {**package["dependencies"], **package["devDependencies"]}.items():
        assert all(part.isdigit() for part in version.split(".")), f"{name} is {version}"
