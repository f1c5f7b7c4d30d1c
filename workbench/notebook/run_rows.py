"""Runs as rows of a pandas frame and of a static table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from workbench.client.deployment import Deployment
from workbench.notebook.packages import need
from workbench.notebook.tables import html_table
from workbench.store.columns import metrics_of, params_of
from workbench.store.listing import JobLine
from workbench.store.run_column import ColumnKind, RunColumn

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 20  # rows in a static table
TIMES = ("compute_seconds", "waiting_seconds", "first_frame_seconds")
MARKS = ("starred", "rating", "tags")
_EMPTY = ("id", "status", "pipeline", "experiment", "created", *TIMES, "title", *MARKS)


def run_row(line: JobLine) -> dict[str, Any]:
    """The columns of a run in a table of runs."""
    return {
        "id": line.id,
        "status": line.status.value,
        "pipeline": line.pipeline or line.workflow_id,
        "experiment": line.experiment,
        "created": datetime.fromtimestamp(line.created_at, UTC),
        **{name: getattr(line, name) for name in TIMES},
        "title": line.title,
    }


def runs_html(lines: Sequence[JobLine]) -> str:
    """The newest runs as an HTML table, and the number of further runs."""
    rows = [{**(row := run_row(line)), "created": f"{row['created']:%d %b %H:%M}"} for line in lines[:SHOWN]]
    more = f"<p>… and {len(lines) - SHOWN} more</p>" if len(lines) > SHOWN else ""
    return html_table(rows) + more


def runs_text(lines: Sequence[JobLine]) -> str:
    """Like ``runs_html``, as text."""
    rows = [f"{line.id}  {line.status.value:<10} {line.pipeline:<14} {line.title}" for line in lines[:SHOWN]]
    return "\n".join(rows + ([f"… and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else [])) or "no runs"


def frame_of(deployment: Deployment, lines: Sequence[JobLine], chosen: Sequence[RunColumn] = ()) -> pd.DataFrame:
    """The runs in the form of ``Runs.to_pandas``. Raises WorkbenchError (stack.missing_package)."""
    need("a frame", ["pandas"])
    import pandas as pd

    values = _chosen(lines, chosen) if chosen else _all(deployment, lines)
    rows = [
        {**run_row(line), **{name: getattr(line, name) for name in MARKS}, **own}
        for line, own in zip(lines, values, strict=True)
    ]
    frame = pd.DataFrame(rows, columns=None if rows else [*_EMPTY, *map(_name, chosen)])
    return frame.set_index("id")


def _name(column: RunColumn) -> str:
    """The name of a column in a frame."""
    return f"{'params' if column.kind is ColumnKind.PARAM else 'metrics'}.{column.node}.{column.name}"


def _chosen(lines: Sequence[JobLine], chosen: Sequence[RunColumn]) -> list[dict[str, Any]]:
    return [{_name(column): line.values.get(str(column)) for column in chosen} for line in lines]


def _all(deployment: Deployment, lines: Sequence[JobLine]) -> list[dict[str, Any]]:
    ids = [line.id for line in lines]
    params = params_of(deployment.store.database, ids)
    metrics = metrics_of(deployment.store.database, ids)
    return [
        {
            **{f"params.{name}": value for name, value in params[job].items()},
            **{f"metrics.{name}": value for name, value in metrics[job].items()},
        }
        for job in ids
    ]
