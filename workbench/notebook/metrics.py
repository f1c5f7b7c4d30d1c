"""Metrics by name: of a job, and those that a notebook records."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real

from schemas.errors import WorkbenchError
from schemas.metric import Metric
from workbench.notebook import execution_context
from workbench.notebook.tables import html_table


class Metrics(dict[str, float]):
    """Metrics by name, drawn as a table.

    Attributes:
        meanings: unit, better direction and meaning by name, of those that a service declares.
    """

    def __init__(self, values: Mapping[str, float] | None = None, meanings: Mapping[str, Metric] | None = None) -> None:
        super().__init__(values or {})
        self.meanings = dict(meanings or {})

    def _repr_html_(self) -> str:
        return metrics_html(self, self.meanings)


def metrics_html(values: Mapping[str, float], meanings: Mapping[str, Metric]) -> str:
    """Metrics as an HTML table, with units, better directions and meanings where they are known."""
    rows = []
    for name, value in values.items():
        one = meanings.get(name)
        known = {"unit": one.unit, "better": one.direction, "meaning": one.meaning} if one else {}
        rows.append({"metric": name, "value": f"{value:.4g}", **known})
    return html_table(rows)


def record(metrics: Mapping[str, float] | None = None, /, **named: float) -> Metrics:
    """Record metrics of this notebook: ``record(wer=0.04)``, ``record(job.metrics)``.

    In `workbench notebook run` they become metrics of the execution's MLflow run, however it ends. If a name is
    recorded again, the last value counts. In a notebook run by hand they are only displayed. Returns them as a table.

    Raises WorkbenchError (notebook.bad_figure) if a value is not a finite number, or a name is not a text.
    """
    found = Metrics()
    for name, value in {**(metrics or {}), **named}.items():
        if not isinstance(name, str) or not name:
            raise WorkbenchError(
                "notebook.bad_figure",
                "a metric must have a name",
                where="record",
                seen=repr(name)[:200],
                allowed="a text",
                remedy="record({'step 1': 0.5}) or record(step_1=0.5).",
            )
        if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
            raise WorkbenchError(
                "notebook.bad_figure",
                f"{name} is not a finite number",
                where="record",
                seen=repr(value)[:200],
                allowed="a finite number",
                remedy="Record numbers; put texts into the parameters or the notebook itself.",
            )
        found[name] = float(value)
    execution_context.note(metrics=found)
    return found
