"""Figures by name: of a job, and those that a notebook records."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real

from schemas.errors import WorkbenchError
from workbench.notebook import within
from workbench.notebook.tables import html_table


class Figures(dict[str, float]):
    """Figures by name, drawn as a table."""

    def _repr_html_(self) -> str:
        return html_table([{"figure": name, "value": f"{value:.4g}"} for name, value in self.items()])


def record(figures: Mapping[str, float] | None = None, /, **named: float) -> Figures:
    """Record figures of this notebook: ``record(wer=0.04)``, ``record(job.metrics)``.

    Under `workbench notebook run` they become metrics of the execution's MLflow run, however it ends; a name recorded
    again has the last value. In a notebook run by hand they are only shown. Returns them, as a table.

    Raises WorkbenchError (notebook.bad_figure) for anything but a finite number, and for a name that is not a text.
    """
    found = Figures()
    for name, value in {**(figures or {}), **named}.items():
        if not isinstance(name, str) or not name:
            raise WorkbenchError(
                "notebook.bad_figure",
                "a figure has a name",
                where="record",
                seen=repr(name)[:200],
                allowed="a text",
                remedy="record({'step 1': 0.5}) or record(step_1=0.5).",
            )
        if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
            raise WorkbenchError(
                "notebook.bad_figure",
                f"{name} is not a number that can be recorded",
                where="record",
                seen=repr(value)[:200],
                allowed="a finite number",
                remedy="Record numbers; texts belong into the parameters or the notebook itself.",
            )
        found[name] = float(value)
    within.note(figures=found)
    return found
