"""What people get who install the wheel and have no checkout."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from schemas.installing import DISTRIBUTION
from workbench.notebook.execution.parameters import read_parameters

ROOT = Path(__file__).parents[1]
PIP = [sys.executable, "-m", "pip"]
OF_A_CHECKOUT = re.compile(r"in the checkout|`make |pip install '?\.|requirements-\w+\.txt")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [*PIP, "wheel", "-qq", "--no-deps", "--no-index", "--no-build-isolation", str(ROOT)]
    subprocess.run([*build, "--wheel-dir", str(folder)], cwd=folder, check=True)
    [built] = folder.glob("*.whl")
    return built


class Installed:
    """The wheel in a folder that comes before this environment's packages, and a person's home directory."""

    def __init__(self, wheel: Path, folder: Path) -> None:
        self.site, self.person = folder / "site", folder / "person"
        self.person.mkdir()
        install = [*PIP, "install", "-qq", "--disable-pip-version-check", "--no-deps", "--no-index", "--target"]
        subprocess.run([*install, str(self.site), str(wheel)], check=True)

    def python(self, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("WORKBENCH_")}
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=cwd or self.person,
            env={**clean, "PYTHONPATH": str(self.site), "HOME": str(self.person)},
            capture_output=True,
            text=True,
            check=False,
        )

    def workbench(self, *arguments: str) -> str:
        ended = self.python("-P", "-m", "workbench.cli.main", *arguments)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed(wheel, tmp_path_factory.mktemp("installed"))


def test_wheel_has_scripts_migrations_schemas_and_examples(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        [metadata] = [archive.read(name).decode() for name in names if name.endswith(".dist-info/METADATA")]
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    there = [name for name in listed if (ROOT / name).exists()]
    assert {name for name in there if name.startswith(("schemas/", "nodes/", "workbench/"))} <= names
    shown = {name for name in there if name.startswith(("examples/", "notebooks/")) and not name.endswith(".md")}
    assert {f"workbench/shipped/{name}" for name in shown} == {name for name in names if "/shipped/" in name}
    assert {"workbench/bus/lua/_prelude.lua", "workbench/bus/lua/take.lua"} <= names
    assert "workbench/store/migrations/script.py.mako" in names
    assert "schemas/json/Graph.json" in names
    assert "nodes/models.toml" in names
    assert not any(name.split("/")[0] in ("tests", "tools", "mlflow", "compose", "notebooks") for name in names)
    assert "License-Expression: Apache-2.0" in metadata
    assert "Requires-Python: >=3.11" in metadata
    assert "Classifier: Operating System :: MacOS" in metadata
    assert metadata.startswith("Metadata-Version") and f"Name: {DISTRIBUTION}\n" in metadata
    extras = set(re.findall(r"^Provides-Extra: (.+)$", metadata, re.MULTILINE))
    assert {"app", "cpu", "embedded", "notebook"} <= extras  # remedies name these


def test_no_message_refers_to_a_checkout(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        told = [
            f"{name}: {found[0]}"
            for name in archive.namelist()
            if name.endswith((".py", ".js", ".html", ".ipynb")) and ".dist-info" not in name
            for found in OF_A_CHECKOUT.finditer(archive.read(name).decode())
        ]
    assert not told


def test_examples_are_listed_and_copied_without_overwriting_user_files(installed: Installed) -> None:
    listed = {one["name"]: one for one in json.loads(installed.workbench("examples", "--json"))["examples"]}
    assert {"talking_head": "graph", "node_package": "package", "run_pipeline": "notebook"}.items() <= {
        name: one["kind"] for name, one in listed.items()
    }.items()
    assert all(one["title"] and Path(one["place"]).is_relative_to(installed.site) for one in listed.values())

    folder = installed.person / "mine"
    copied = json.loads(installed.workbench("examples", "all", "--to", str(folder), "--json"))["files"]
    assert {file["outcome"] for file in copied} == {"new"}
    original = (ROOT / "examples" / "node_package" / "loudness_node" / "loudness.py").read_text()
    assert (folder / "node_package" / "loudness_node" / "loudness.py").read_text() == original

    (folder / "talking_head.json").write_text("mine")
    again = json.loads(installed.workbench("examples", "talking_head", "fan_out", "--to", str(folder), "--json"))
    outcomes = {Path(file["path"]).name: file["outcome"] for file in again["files"]}
    assert outcomes == {"talking_head.json": "kept", "fan_out.json": "same"}
    assert (folder / "talking_head.json").read_text() == "mine"


def test_an_unknown_example_is_refused_with_those_that_are_there(installed: Installed) -> None:
    ended = installed.python("-P", "-m", "workbench.cli.main", "examples", "talkinghead")
    assert ended.returncode == 2
    assert "talkinghead" in ended.stderr and "fan_out" in ended.stderr and "workbench examples" in ended.stderr


def test_the_lab_opens_copies_of_the_notebooks_that_a_person_may_change(installed: Installed) -> None:
    ask = "from workbench.client.examples import notebook_folder; print(notebook_folder())"
    folder = installed.person / "workbench-notebooks"
    assert installed.python("-c", ask).stdout.strip() == str(folder)
    names = {path.name for path in folder.iterdir()}
    assert names == {path.name for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert read_parameters(folder / "run_pipeline.ipynb").names

    (folder / "01_first_video.ipynb").write_text("mine")
    (folder / "run_pipeline.ipynb").unlink()
    installed.python("-c", ask)
    assert (folder / "01_first_video.ipynb").read_text() == "mine"
    assert (folder / "run_pipeline.ipynb").exists()


@pytest.mark.parametrize("shadow", ["nodes.py", "schemas/__init__.py"])
def test_a_module_that_shadows_ours_is_named(installed: Installed, tmp_path: Path, shadow: str) -> None:
    place = shadowed(tmp_path, shadow)
    ended = installed.python("-c", "from workbench import connect", cwd=tmp_path)
    assert ended.returncode == 1
    assert f"`{place.stem}`" in ended.stderr and f"seen: {place}" in ended.stderr


def test_the_remedy_for_a_notebook_beside_a_module_that_shadows_ours_works(
    installed: Installed, tmp_path: Path
) -> None:
    shadowed(tmp_path, "nodes.py")
    refused = installed.python("-c", "import workbench", cwd=tmp_path)
    [remedy] = re.findall(r"before the import: (.+)", refused.stderr)
    ended = installed.python("-c", f"{remedy}; from workbench import connect; print(connect)", cwd=tmp_path)
    assert "function connect" in ended.stdout, ended.stderr


def shadowed(folder: Path, shadow: str) -> Path:
    """Put a module of that name there; returns what is found in place of ours."""
    file = folder / shadow
    file.parent.mkdir(exist_ok=True)
    file.write_text("raise RuntimeError('imported')")
    return folder / Path(shadow).parts[0]
