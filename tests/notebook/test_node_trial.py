"""A node in a cell: it can run locally, is replaced by running the cell again, and is refused on the deployment."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import pytest

from nodes.sdk import DECLARED
from schemas.errors import WorkbenchError
from workbench.notebook.workbench import Workbench

pytestmark = pytest.mark.stack

CELL = """
from nodes.sdk import Context, Field, NodeModel, TextRef, node

class Params(NodeModel):
    times: int = Field({times}, ge=1, le=9, description="How often.")

class Inputs(NodeModel):
    text: TextRef = Field(description="What is repeated.")

class Outputs(NodeModel):
    text: TextRef = Field(description="The repeated text.")
    length: int = Field(description="Its length.")

@node("cell.repeat", version="1", plane="data")
def repeat(ctx: Context, params: Params, inputs: Inputs) -> Outputs:
    \"\"\"Repeats a text.\"\"\"
    text = ctx.open(inputs.text).read_bytes() * params.times
    ctx.metric("times", params.times)
    return Outputs(text=ctx.save(text, "text"), length=len(text))
"""


@pytest.fixture
def cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a cell like a kernel: in __main__, from a file whose name depends on its text."""
    main = types.ModuleType("__main__")
    main.__doc__ = "Automatically created module for IPython interactive environment"
    monkeypatch.setitem(sys.modules, "__main__", main)

    def run(source: str) -> Any:
        file = tmp_path / f"{abs(hash(source))}.py"
        file.write_text(source)
        exec(compile(source, str(file), "exec"), main.__dict__)
        return main

    yield run
    DECLARED.pop("cell.repeat", None)


def test_a_node_in_a_cell_can_be_tried_changed_and_tried_again(wb: Workbench, cell: Any, tmp_path: Path) -> None:
    given = tmp_path / "given.txt"
    given.write_text("ab")
    tried = wb.try_node(cell(CELL.format(times=2)).repeat, text=given)
    assert (tried.length, tried.text.read_text(), tried.metrics) == (4, "abab", {"times": 2.0})
    assert "length" in dir(tried) and "abab" in tried._repr_html_()
    assert DECLARED["cell.repeat"].doc == "Repeats a text."
    again = wb.try_node(cell(CELL.format(times=3)).repeat, text=tried.text)  # an artifact is also a valid input
    assert again.text.read_text() == "abababab" + "abab"
    assert wb.try_node(cell(CELL.format(times=3)).repeat, text=given, times=1).length == 2


def test_invalid_values_are_refused_before_the_node_runs(wb: Workbench, cell: Any, tmp_path: Path) -> None:
    repeat = cell(CELL.format(times=2)).repeat
    for values, where in (
        ({"text": tmp_path / "none"}, "none"),
        ({}, "Inputs.text"),
        ({"text": __file__, "times": 99}, "Params.times"),
        ({"text": __file__, "time": 2}, "time"),
    ):
        with pytest.raises(WorkbenchError) as caught:
            wb.try_node(repeat, **values)
        assert where in caught.value.where
    with pytest.raises(WorkbenchError) as caught:
        wb.try_node(lambda ctx: None)
    assert caught.value.code == "node.bad_declaration"


def test_a_node_in_a_cell_is_not_sent_to_workers_without_it(wb: Workbench, cell: Any) -> None:
    cell(CELL.format(times=2))
    graph = wb.graph()
    graph.cell.repeat(text=__file__)
    with pytest.raises(WorkbenchError) as caught:
        graph.run()
    assert caught.value.code == "graph.unknown_service" and "nodes/cell/repeat.py" in caught.value.remedy


def test_a_node_in_a_cell_cannot_replace_a_service_from_a_file(cell: Any) -> None:
    with pytest.raises(WorkbenchError) as caught:
        cell(CELL.format(times=2).replace("cell.repeat", "generate.remux"))
    assert caught.value.code == "node.bad_declaration" and "remux.py" in caught.value.message
