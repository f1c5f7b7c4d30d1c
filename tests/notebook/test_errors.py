"""Errors in a cell: the user's own line, the error and the remedy, without internal frames."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

ANSI = re.compile(r"\x1b\[[\d;]*m")


def shown(cell: str, capsys: pytest.CaptureFixture[str]) -> str:
    """The output of a cell that raises."""
    shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
    shell.run_cell(cell)
    return ANSI.sub("", capsys.readouterr().out)


def test_an_error_shows_the_users_own_line_and_the_remedy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = tmp_path / "none"
    cell = f"from workbench import connect\ndef mine():\n    return connect({str(home)!r}, start=False)\nmine()"
    assert shown(cell, capsys).splitlines() == [
        "cell, line 4: mine()",
        f"cell, line 3: return connect({str(home)!r}, start=False)",
        "stack.not_running: no stack runs in this home",
        f"  where: {home}",
        "  remedy: Start it with `workbench up --detach`, or set WORKBENCH_HOME or the URLs of another deployment.",
    ]


def test_a_module_beside_the_notebook_counts_as_user_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    module = tmp_path / "beside_it.py"
    module.write_text("from workbench import connect\ndef mine():\n    connect('/nowhere/none', start=False)\n")
    monkeypatch.syspath_prepend(tmp_path)
    lines = shown("import concurrent.futures, beside_it\nbeside_it.mine()", capsys).splitlines()
    assert lines[:2] == [
        "cell, line 2: beside_it.mine()",
        f"{module}, line 3: connect('/nowhere/none', start=False)",
    ]
    assert lines[2].startswith("stack.not_running")


def test_other_exceptions_keep_their_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert "Traceback" in shown("1 / 0", capsys)
