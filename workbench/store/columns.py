"""Parameters and metrics of many jobs: the columns of a table of runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, select

from workbench.store.database import Database
from workbench.store.run_column import ColumnKind, RunColumn
from workbench.store.tables import job_metrics, job_params, node_results

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
    columns, nodes = job_metrics.c, node_results.c
    found: dict[str, dict[str, float]] = {job: {} for job in ids}
    with database.read() as connection:
        for start in range(0, len(ids), CHUNK):
            chunk = ids[start : start + CHUNK]
            rows = connection.execute(
                select(columns.job, columns.node, columns.metric, columns.value)
                .join(node_results, (nodes.job == columns.job) & (nodes.node == columns.node))
                .where(columns.job.in_(chunk))
                .order_by(columns.job, nodes.position, columns.metric)
            )
            for job, node, name, value in rows:
                found[job][f"{node}.{name}"] = value
    return found


def values_of(connection: Connection, ids: Sequence[str], wanted: Sequence[RunColumn]) -> dict[str, dict[str, Any]]:
    """job -> column -> value, for those of the wanted columns that a job has."""
    found: dict[str, dict[str, Any]] = {}
    params = {(one.node, one.name): str(one) for one in wanted if one.kind is ColumnKind.PARAM}
    metrics = {(one.node, one.name): str(one) for one in wanted if one.kind is ColumnKind.METRIC}
    for start in range(0, len(ids), CHUNK):
        chunk = ids[start : start + CHUNK]
        if params:
            own = job_params.c
            here = own.job.in_(chunk) & own.param.in_({name for _, name in params})
            for row in connection.execute(select(own.job, own.node, own.param, own.text, own.number).where(here)):
                if (column := params.get((row.node, row.param))) is not None:
                    value = row.text if row.number is None else orjson.loads(row.text)
                    found.setdefault(row.job, {})[column] = value
        if metrics:
            measured = job_metrics.c
            here = measured.job.in_(chunk) & measured.metric.in_({name for _, name in metrics})
            statement = select(measured.job, measured.node, measured.metric, measured.value).where(here)
            for job, node, metric, number in connection.execute(statement):
                if (column := metrics.get((node, metric))) is not None:
                    found.setdefault(job, {})[column] = number
    return found
