"""Runs as pandas frames."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from workbench.notebook.packages import need
from workbench.store.listing import JobLine

if TYPE_CHECKING:
    import pandas as pd

    from workbench.notebook.workbench import Workbench

_EMPTY = ("id", "status", "pipeline", "experiment", "created", "seconds", "title")


def run_row(line: JobLine) -> dict[str, Any]:
    """What a table of runs says about one."""
    return {
        "id": line.id,
        "status": line.status.value,
        "pipeline": line.pipeline or line.workflow_id,
        "experiment": line.experiment,
        "created": datetime.fromtimestamp(line.created_at, UTC),
        "seconds": round(line.finished_at - line.created_at, 3) if line.finished_at else None,
        "title": line.title,
    }


def frame_of(workbench: Workbench, lines: Sequence[JobLine]) -> pd.DataFrame:
    """The lines as ``Runs.to_pandas`` gives them. Raises WorkbenchError (stack.missing_package)."""
    need("a frame", ["pandas"])
    import pandas as pd

    from workbench.store.columns import metrics_of, params_of

    ids = [line.id for line in lines]
    params = params_of(workbench.bench.store.database, ids)
    metrics = metrics_of(workbench.bench.store.database, ids)
    rows = [
        {
            **run_row(line),
            **{f"params.{name}": value for name, value in params[line.id].items()},
            **{f"metrics.{name}": value for name, value in metrics[line.id].items()},
        }
        for line in lines
    ]
    frame = pd.DataFrame(rows, columns=None if rows else list(_EMPTY))
    return frame.set_index("id")
