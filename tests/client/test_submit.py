"""One way in: the same job by the same key from every front end, and a form that any of them can be filled from."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_one_function_calls_accept() -> None:
    """Keys, defaults, owners and what a form is filled from later agree because nothing goes past ``client/submit``."""
    callers = set()
    for path in (ROOT / "workbench").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "workbench.engine.accept":
                names = {alias.name for alias in node.names}
                if "accept" in names:
                    callers.add(path.relative_to(ROOT).as_posix())
            assert not (isinstance(node, ast.Attribute) and ast.unparse(node).endswith("engine.accept.accept")), path
    assert callers == {"workbench/client/submit.py"}
