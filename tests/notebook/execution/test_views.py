"""The saved views of an executed notebook."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.program import Program
from tests.notebook.execution.papers import read, write_notebook
from tests.notebook.pictures import said

pytestmark = pytest.mark.stack

START = """
from workbench import connect
wb = connect(start=False)
graph = wb.graph("tiny")
graph.probe.data(value={value!r}, sleep_s=0.5)
{name} = graph.run()
{name}
"""


def test_a_view_keeps_the_final_state_of_its_job(deployment: Program, tmp_path: Path) -> None:
    waits = {"first": "first.wait()", "second": "len(second.metrics)", "third": "await third"}
    cells = [cell for name, wait in waits.items() for cell in (START.format(name=name, value=name), f"{wait};")]
    notebook = write_notebook(tmp_path / "views.ipynb", "seed: int = 1", *cells)
    answer = deployment.json("notebook", "run", str(notebook), "--out", str(tmp_path / "out"))
    [one] = answer["executions"]
    document = read(Path(one["notebook"]))
    shown = [cell["outputs"] for cell in document["cells"] if cell["outputs"]]
    pictures = ["".join(outputs[1]["data"]["text/html"]) for outputs in shown if len(outputs) == 2]
    assert [[word for word in ("accepted", "running", "completed") if word in one] for one in pictures] == [
        ["completed"]
    ] * 3
    page = Path(one["html"]).read_text()
    assert said(page).count("data probe.data completed") >= 3 and "data probe.data running" not in said(page)
    models = document["metadata"]["widgets"]["application/vnd.jupyter.widget-state+json"]["state"].values()
    answers = [model["state"]["answers"] for model in models if model["state"].get("view") == "monitor"]
    states = [
        answer[f"/api/jobs/{job}"]["job"]["status"]
        for job in one["jobs"]
        for answer in answers
        if f"/api/jobs/{job}" in answer
    ]
    assert states == ["completed"] * 3
