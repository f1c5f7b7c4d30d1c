"""What importing costs: nothing heavy, from wherever the process was started."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = (
    "torch",
    "cv2",
    "av",
    "numpy",
    "PIL",
    "onnxruntime",
    "mlflow",
    "gradio",
    "diffusers",
    "ncnn",
    "dlib",
    "xllamacpp",
)


def loaded_after(statement: str, folder: Path) -> set[str]:
    """Modules of HEAVY that are loaded after a statement, in a process started in that folder."""
    program = f"import sys\n{statement}\nprint(*(name for name in {HEAVY!r} if name in sys.modules))"
    ended = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return set(ended.stdout.split())


@pytest.mark.parametrize("folder", [ROOT, ROOT / "docs", Path("/")], ids=["root", "below", "elsewhere"])
def test_packages_import_from_anywhere(folder: Path) -> None:
    assert not loaded_after("import schemas, nodes, workbench, workbench.cli.main", folder)


def test_declaring_every_service_loads_nothing_heavy() -> None:
    assert not loaded_after("from nodes.registry import services; assert len(services()) > 5", ROOT)


def test_submitting_and_the_planes_do_without_heavy_packages() -> None:
    assert not loaded_after("import workbench.client.bench, workbench.control.role, workbench.data.role", ROOT)


def test_folder_mlflow_does_not_shadow_the_package() -> None:
    program = "import importlib.util as u; print(u.find_spec('mlflow').origin)"
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "site-packages" in ended.stdout


def test_imported_packages_are_declared() -> None:
    """What comes along with another package today may be gone tomorrow."""
    imported: set[str] = set()
    for path in [path for folder in ("schemas", "nodes", "workbench") for path in (ROOT / folder).rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.partition(".")[0])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    lines += (ROOT / "requirements-nodeps.txt").read_text().splitlines()
    declared = {re.split(r"[\[<>=]", line)[0].lower().replace("_", "-") for line in lines if not line.startswith("#")}
    providers = {**metadata.packages_distributions(), "dlib": ["dlib-bin"]}  # its wheel does not list its module
    undeclared = {
        name: providers.get(name)
        for name in imported - set(sys.stdlib_module_names) - {"schemas", "nodes", "workbench"}
        if not declared & {provider.lower().replace("_", "-") for provider in providers.get(name, [])}
    }
    assert not undeclared
