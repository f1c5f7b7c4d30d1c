"""Parameters and metrics of many jobs: the columns of a table of runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import select

from workbench.store.database import Database
from workbench.store.tables import job_params, node_results

CHUNK = 500  # ids in one statement


def params_of(database: Database, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """job -> ``node.param`` -> value. Long texts are truncated; files are omitted."""
    columns = job_params.c
    found: dict[str, dict[str, Any]] = {job: {} for job in ids}
    with database.read() as connection:
        for start in range(0, len(ids), CHUNK):
            chunk = ids[start : start + CHUNK]
            rows = connection.execute(
                select(columns.job, columns.node, columns.param, columns.text, columns.number).where(
                    columns.job.in_(chunk)
                )
            )
            for job, node, param, text, number in rows:
                found[job][f"{node}.{param}"] = text if number is None else orjson.loads(text)
    return found


def metrics_of(database: Database, ids: Sequence[str]) -> dict[str, dict[str, float]]:
    """job -> ``node.metric`` -> value."""
    columns = node_results.c
    found: dict[str, dict[str, float]] = {job: {} for job in ids}
    with database.read() as connection:
        for start in range(0, len(ids), CHUNK):
            chunk = ids[start : start + CHUNK]
            rows = connection.execute(
                select(columns.job, columns.node, columns.metrics)
                .where(columns.job.in_(chunk))
                .order_by(columns.job, columns.position)
            )
            for job, node, metrics in rows:
                found[job].update({f"{node}.{name}": value for name, value in (metrics or {}).items()})
    return found
