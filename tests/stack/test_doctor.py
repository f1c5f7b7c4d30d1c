"""The doctor tries real servers, and finds what is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.stack.conditions import workbench
from workbench.embedded.run import StackOptions
from workbench.embedded.stack import ensure_running, stop

pytestmark = pytest.mark.stack


def test_all_is_well_and_then_it_is_not(tmp_path: Path) -> None:
    home = tmp_path / "home"
    try:
        ensure_running(home, StackOptions(only=("bus", "objects", "sql")))
        fine = workbench(home, "doctor", "--json")
        findings = {finding["check"]: finding for finding in json.loads(fine.stdout)["findings"]}
        assert fine.returncode == 0, fine.stdout
        assert {findings[f"{part} used"]["level"] for part in ("bus", "objects", "sql")} == {"ok"}
        assert findings["encoder"]["level"] == "ok"
    finally:
        stop(home)
    stopped = workbench(home, "doctor", "--json")
    assert stopped.returncode == 4
    problems = [f for f in json.loads(stopped.stdout)["findings"] if f["level"] == "problem"]
    assert [problem["check"] for problem in problems] == ["stack"]
    assert "workbench up" in problems[0]["remedy"]
