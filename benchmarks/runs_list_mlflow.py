"""The runs of ``runs_list`` in MLflow's own SQLite store, and its ``search_runs`` over them."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path


def mlflow_queries(folder: Path, count: int, queries: dict[str, tuple[str, list[str]]]) -> dict[str, Callable[[], int]]:
    """Fill a store in bulk through MLflow's own tables. Returns a call for each query, for a page of 30 runs."""
    from mlflow.entities import ViewType
    from mlflow.store.tracking.dbmodels.models import SqlLatestMetric, SqlMetric, SqlParam, SqlRun
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
    from sqlalchemy import insert

    from benchmarks.runs_list import AT, made

    store = SqlAlchemyStore(f"sqlite:///{folder}/mlflow.db", str(folder / "artifacts"))
    experiment = store.create_experiment("bench")
    chance = random.Random(0)
    runs, params, metrics, latest = [], [], [], []
    for index in range(count):
        given, measured = made(chance, index)
        run, at = f"{index:032x}", int((AT + 60 * index) * 1000)
        runs.append(
            {
                "run_uuid": run, "name": run, "user_id": "ada", "status": "FINISHED", "start_time": at,
                "end_time": at + 30_000, "lifecycle_stage": "active", "artifact_uri": f"{folder}/artifacts/{run}",
                "experiment_id": int(experiment), "source_type": "LOCAL", "source_name": "", "entry_point_name": "",
                "source_version": "",
            }
        )  # fmt: skip
        for node, own in given.items():
            params += [{"run_uuid": run, "key": f"{node}.{name}", "value": str(value)} for name, value in own.items()]
        for node, numbers in measured.items():
            for name, value in numbers.items():
                row = {"run_uuid": run, "key": f"{node}.{name}", "value": value, "step": 0, "is_nan": False}
                metrics.append({**row, "timestamp": at})
                latest.append({**row, "timestamp": at})
    with store.engine.begin() as connection:
        for model, rows in ((SqlRun, runs), (SqlParam, params), (SqlMetric, metrics), (SqlLatestMetric, latest)):
            connection.execute(insert(model), rows)

    def asking(condition: str, order: list[str]) -> Callable[[], int]:
        return lambda: len(store.search_runs([experiment], condition, ViewType.ACTIVE_ONLY, 30, order))

    return {what: asking(*query) for what, query in queries.items()}
