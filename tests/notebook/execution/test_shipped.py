"""The shipped notebooks: clean in the repository, and each runs headless on a stack from first to last cell."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from tests.cli.program import ROOT, Program
from tests.cli.tracking import Run
from tests.notebook.execution.papers import outside, read
from workbench.notebook.execution.parameters import read_parameters

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SHORT = {"script": "One, two."}
# Smaller parameters for each notebook: 256 px instead of 512.
GIVEN: dict[str, dict[str, str]] = {
    "01_first_video": {**SHORT, "size": "256"},
    "02_inside_a_run": {**SHORT, "size": "256"},
    "03_writing_a_node": {},
    "04_comparing_runs": {"sways": "[0.0, 2.0]"},
    "05_training_a_lora": {"steps": "30", "resolution": "32", "learning_rate": "0.02"},
    "run_pipeline": {**SHORT, "params.animate.size": "256"},
}
ON_TORCH = {"05_training_a_lora"}
# The public modules of the workbench that a notebook may import.
PUBLIC = {"workbench", "nodes.sdk"}


def test_every_notebook_is_tested_here() -> None:
    assert {path.stem for path in NOTEBOOKS} == set(GIVEN)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_without_outputs_and_short(path: Path) -> None:
    document = read(path)
    assert document["metadata"]["kernelspec"]["name"] == "python3" and "widgets" not in document["metadata"]
    for cell in document["cells"]:
        assert not cell.get("outputs") and cell.get("execution_count") is None
    assert "".join(document["cells"][0]["source"]).startswith("# ")
    assert path.stat().st_size < 10_000
    read_parameters(path)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_uses_only_public_modules(path: Path) -> None:
    source = "\n".join("".join(c["source"]) for c in read(path)["cells"] if c["cell_type"] == "code")
    modules = {node.module for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)}
    ours = {module for module in modules if module and module.split(".")[0] in ("workbench", "nodes", "schemas")}
    assert ours <= PUBLIC
    private = [
        node.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute) and node.attr.startswith("_")
    ]
    assert not private


@pytest.mark.stack
@pytest.mark.models
@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_a_clean_state(
    deployment: Program, path: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if path.stem in ON_TORCH:
        request.getfixturevalue("torch_worker")
    words = [word for name, value in GIVEN[path.stem].items() for word in ("-p", name, value)]
    before = {one.name for one in path.parent.iterdir()}
    answer = deployment.json("notebook", "run", str(path), *words, "--out", str(tmp_path), timeout_s=240)
    [one] = answer["executions"]
    assert one["status"] == "completed" and one["unrecorded"] is None
    assert {found.name for found in path.parent.iterdir()} == before  # it leaves no extra files
    assert one["jobs"] and Run(one["mlflowRun"]).status == "FINISHED"
    document: Any = read(Path(one["notebook"]))
    shown = [kind for c in document["cells"] for output in c.get("outputs", ()) for kind in output.get("data", ())]
    assert "text/html" in shown
    page = Path(one["html"]).read_text()
    assert outside(page) == []
    assert "<video" in page or "<img" in page
    if path.stem in ON_TORCH:
        recorded = Run(one["mlflowRun"]).values("metrics")
        assert recorded["loss_last"] < recorded["loss_first"]
