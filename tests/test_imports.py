"""Importing does nothing but import, works from anywhere, and loads nothing heavy where it has no business."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = ("torch", "mlflow", "cv2", "av", "onnxruntime", "PIL", "numpy", "gradio", "langgraph", "langchain_core")

SNIFF = """
import sys, threading, socket, subprocess
class Caught(Exception): pass
def refuse(*a, **k): raise Caught("an import started something")
threading.Thread.start = socket.socket.connect = socket.socket.bind = subprocess.Popen.__init__ = refuse
import {modules}
heavy = [name for name in {heavy!r} if name in sys.modules]
print("heavy:", *heavy)
"""


def python(code: str, cwd: Path = ROOT, on_path: bool = True) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("WORKBENCH_", "PYTHON"))}
    flags = [] if on_path else ["-P"]
    done = subprocess.run(
        [sys.executable, *flags, "-c", code],
        cwd=cwd,
        env=clean,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize("folder", [ROOT, ROOT / "notebooks", Path("/")])
def test_the_packages_import_from_anywhere(folder: Path) -> None:
    if not folder.exists():
        pytest.skip(f"there is no {folder.name}/")
    code = "import schemas, nodes, workbench; print(schemas.__file__, nodes.__file__, workbench.__file__)"
    where = python(code, folder)
    assert [str(ROOT) in path for path in where.split()] == [True] * 3


@pytest.mark.parametrize(
    ("modules", "may"),
    [
        ("workbench.cli.main", set()),
        ("workbench.control.role", set()),
        ("workbench.data.role", set()),
        ("workbench.client.deployment", set()),
        ("workbench.engine.worker", set()),
        ("workbench.engine.slot", set()),
        ("workbench.embedded.supervisor", set()),
        ("workbench.pipelines", set()),
        ("workbench, workbench.notebook.connect", set()),
        ("workbench.notebook.workbench", set()),
        ("workbench.notebook.execution.grid, workbench.notebook.lab", set()),
        ("schemas.graph, nodes.sdk, nodes.local", set()),
        ("workbench.engine.executor", set()),
    ],
)
def test_an_import_starts_nothing_and_stays_light(modules: str, may: set[str]) -> None:
    loaded = set(python(SNIFF.format(modules=modules, heavy=HEAVY)).split(":")[1].split())
    assert loaded <= may, f"{modules} imports {sorted(loaded - may)}"


def test_declaring_all_nodes_loads_nothing_heavy() -> None:
    code = SNIFF.format(modules="nodes.registry", heavy=HEAVY).replace(
        "heavy = [", "found = nodes.registry.services(); assert len(found) > 5, found\nheavy = ["
    )
    assert python(code) == "heavy:\n"


def test_the_real_mlflow_is_what_is_imported() -> None:
    where = python("import importlib.util; print(importlib.util.find_spec('mlflow').origin)").strip()
    assert "site-packages" in where
