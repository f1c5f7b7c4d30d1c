"""Metrics of a notebook: displayed in a manual run and reported to an execution."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from schemas.errors import WorkbenchError
from workbench import record
from workbench.notebook.execution_context import NOTES, read_notes


def test_recorded_metrics_are_displayed_and_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert record(wer=0.25) == {"wer": 0.25}  # a manual run: there is no execution to report to
    monkeypatch.setenv(NOTES, str(tmp_path / "notes"))
    shown = record({"animate.seconds": 2}, share=np.float32(0.5))
    assert shown == {"animate.seconds": 2.0, "share": 0.5} and "animate.seconds" in shown._repr_html_()
    record(share=1)
    with (tmp_path / "notes").open("ab") as file:
        file.write(b'{"metrics": {"half')  # its process died here
    assert read_notes(tmp_path / "notes") == [{"metrics": shown}, {"metrics": {"share": 1.0}}]


@pytest.mark.parametrize("value", ["3", None, True, math.nan, math.inf, [1]])
def test_only_numbers_are_recorded(value: object) -> None:
    with pytest.raises(WorkbenchError) as caught:
        record({"figure": value})  # type: ignore[dict-item]
    assert caught.value.code == "notebook.bad_figure" and "finite number" in str(caught.value)


@pytest.mark.parametrize("name", [1, None, ("a",), ""])
def test_a_metric_needs_a_name(name: object) -> None:
    with pytest.raises(WorkbenchError) as caught:
        record({name: 0.5})  # type: ignore[dict-item]
    assert caught.value.code == "notebook.bad_figure" and "name" in caught.value.message
