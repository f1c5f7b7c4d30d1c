"""All front ends submit through one function, so that equal keys give the same job everywhere."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_only_one_function_calls_accept() -> None:
    """Keys, defaults, owners and saved form values agree because every submit goes through ``client/submit``.

    The driver of sweeps submits graphs that ``client/submit`` built when the sweep was planned.
    """
    callers = set()
    for path in (ROOT / "workbench").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "workbench.engine.accept":
                names = {alias.name for alias in node.names}
                if "accept" in names:
                    callers.add(path.relative_to(ROOT).as_posix())
            assert not (isinstance(node, ast.Attribute) and ast.unparse(node).endswith("engine.accept.accept")), path
    assert callers == {"workbench/client/submit.py", "workbench/control/sweep_driver.py"}
