"""Notebook modules import each other without cycles and at module level."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

from tests.cli.program import ROOT

OWN = ("workbench", "nodes", "schemas")
# Each import has a reason beside it: widgets need optional packages, the progress bar needs a terminal.
LATE = {
    "workbench.notebook.artifact": {"workbench.notebook.widgets.artifact_view"},
    "workbench.notebook.comparison": {"workbench.notebook.widgets.video_compare"},
    "workbench.notebook.job": {"workbench.notebook.widgets.job_views", "workbench.terminal.progress"},
    "workbench.notebook.runs": {"workbench.notebook.widgets.run_table"},
    "workbench.notebook.shown_graph": {"workbench.notebook.widgets.graph_drawing"},
    "workbench.notebook.sweep": {"workbench.notebook.widgets.sweep_table"},
    "workbench.notebook.workbench": {"workbench.notebook.widgets.form", "workbench.notebook.widgets.sweep_table"},
}


def modules() -> dict[str, Path]:
    found = {}
    for path in (ROOT / "workbench" / "notebook").rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(tree: ast.AST, known: dict[str, Path]) -> set[str]:
    """The names of our imported modules, including imports for types and inside functions."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, "imports are absolute"
            found |= {name if (name := f"{node.module}.{one.name}") in known else node.module for one in node.names}
        elif isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
    return {name for name in found if name.partition(".")[0] in OWN}


def test_there_are_no_import_cycles() -> None:
    known = modules()
    assert len(known) > 20
    graph = {name: imported(ast.parse(path.read_text()), known) & set(known) for name, path in known.items()}
    TopologicalSorter(graph).prepare()  # raises CycleError with the cycle


def test_own_modules_are_imported_at_the_top() -> None:
    known = modules()
    late: dict[str, set[str]] = {}
    for name, path in known.items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (own := imported(node, known)):
                late.setdefault(name, set()).update(own)
    assert late == LATE
