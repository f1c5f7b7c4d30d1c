"""A table of many runs: sorted and filtered in the browser, with a selection as a frame."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import orjson
import traitlets

from schemas.api import api_status
from workbench.client.deployment import Deployment
from workbench.client.metric_meanings import JOB_TIMES, of_name
from workbench.notebook.run_rows import TIMES, frame_of, runs_html, runs_text
from workbench.notebook.widgets.view import View
from workbench.store.columns import metrics_of, params_of
from workbench.store.job_params import SPOKEN
from workbench.store.listing import JobLine

if TYPE_CHECKING:
    import pandas as pd

USUAL = ("status", "title", "pipeline", "experiment", "created", *TIMES)
MOST_PARAMS, MOST_METRICS = 6, 4  # shown by default

Row = dict[str, Any]


class RunTable(View):
    """Rows of runs. A click selects one, Ctrl and Shift select more, and the headings sort.

    Unfinished runs are refreshed while the table is visible.

    Args:
        lines: queries the runs.
        columns: ``params.node.name`` and ``metrics.node.name`` to show; default: the parameters in which the runs
            differ, and the evaluation metrics.

    Attributes:
        selected: ids of the selected runs; can be set and observed.
    """

    rows = traitlets.List().tag(sync=True)
    columns = traitlets.List().tag(sync=True)
    selected = traitlets.List(traitlets.Unicode()).tag(sync=True)

    def __init__(self, deployment: Deployment, lines: Callable[[], list[JobLine]], columns: Iterable[str] = ()) -> None:
        self._ask, self._database = lines, deployment.store.database
        self._wanted = list(columns)
        self._refreshing = threading.Lock()
        rows, names = self._query()
        super().__init__(deployment, "table", {}, rows=rows, columns=_columns(names, rows))
        self.on_msg(lambda _, __, ___: threading.Thread(target=self.refresh, daemon=True).start())

    def refresh(self) -> None:
        """Query the deployment again. Blocks."""
        if self._refreshing.acquire(blocking=False):
            try:
                rows, names = self._query()
                with self.hold_trait_notifications():  # the browser redraws once
                    self.columns, self.rows = _columns(names, rows), rows
            finally:
                self._refreshing.release()

    def selected_frame(self) -> pd.DataFrame:
        """The selected runs in the form of ``Runs.to_pandas``, in the order of the table's rows."""
        chosen = set(self.selected)
        return frame_of(self._deployment, [line for line in self._lines if line.id in chosen])

    def static_html(self) -> str:
        return runs_html(self._ask())

    def static_text(self) -> str:
        return runs_text(self._ask())

    def _query(self) -> tuple[list[Row], list[str]]:
        self._lines, database = self._ask(), self._database
        ids = [line.id for line in self._lines]
        params, metrics = params_of(database, ids), metrics_of(database, ids)
        names = self._wanted or [*_differing(params.values()), *_evaluated(metrics.values())]
        rows = []
        for line in self._lines:
            known = {f"params.{name}": value for name, value in params[line.id].items()}
            known |= {f"metrics.{name}": value for name, value in metrics[line.id].items()}
            rows.append(_row(line) | {name: known[name] for name in names if name in known})
        return rows, [*USUAL, *names]


def _row(line: JobLine) -> Row:
    return {
        "jobId": line.id,
        "status": api_status(line.status, on_bus=True).value,
        "title": line.title,
        "pipeline": line.pipeline or line.workflow_id,
        "experiment": line.experiment,
        "created": line.created_at,
        **{name: getattr(line, name) for name in TIMES},
    }


def _columns(names: Sequence[str], rows: Sequence[Row]) -> list[Row]:
    short = {name: name.rpartition(".")[2].replace("_", " ") for name in names}
    twice = {label for label in short.values() if list(short.values()).count(label) > 1}
    return [
        {
            "name": name,
            "label": name.partition(".")[2] if short[name] in twice else short[name],
            "number": name != "created" and _has_numbers([row.get(name) for row in rows]),
            **_meaning(name),
        }
        for name in names
    ]


def _meaning(name: str) -> Row:
    """Unit, better direction and meaning of a metric. Cells with a time of the job show the unit themselves."""
    if name.startswith("params."):
        return {}
    metric = of_name(name.rpartition(".")[2])
    if metric is None:
        return {}
    return {"unit": "" if name in JOB_TIMES else metric.unit, "better": metric.better, "meaning": metric.meaning}


def _has_numbers(values: Sequence[Any]) -> bool:
    there = [value for value in values if value is not None]
    return bool(there) and all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in there)


def _differing(params: Iterable[dict[str, Any]]) -> list[str]:
    """Parameters with more than one value, the most frequent ones first."""
    seen: dict[str, set[bytes]] = {}
    counts: dict[str, int] = {}
    for values in params:
        for name, value in values.items():
            seen.setdefault(name, set()).add(orjson.dumps(value))
            counts[name] = counts.get(name, 0) + 1
    # The title shows what is spoken.
    names = [name for name, values in seen.items() if len(values) > 1 and name.rpartition(".")[2] not in SPOKEN]
    names.sort(key=lambda name: -counts[name])
    return [f"params.{name}" for name in names[:MOST_PARAMS]]


def _evaluated(metrics: Iterable[dict[str, float]]) -> Sequence[str]:
    names = dict.fromkeys(name for values in metrics for name in values if name.startswith("evaluate."))
    return [f"metrics.{name}" for name in names][:MOST_METRICS]
