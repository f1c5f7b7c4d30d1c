"""Sweeps as front ends show them: lists, and one sweep with the state of all its cells."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from schemas.errors import ErrorInfo
from schemas.status import JobStatus
from schemas.sweep import SweepAxis, SweepCell, SweepInFull, SweepLine, SweepList, SweepPlan, SweepSpec
from workbench.client.access import User, may_see_mlflow, reader
from workbench.client.deployment import Deployment
from workbench.client.mlflow_access import PATH as MLFLOW_PATH
from workbench.client.sweeps.launch import visible_sweep
from workbench.pipelines.registry import pipelines
from workbench.store.mlflow_pages import run_url
from workbench.store.sweep_results import results_of
from workbench.store.sweep_runs import sweep_run
from workbench.store.sweeps import CellRow, SweepRow, Sweeps


def sweep_list(deployment: Deployment, user: User, limit: int, offset: int) -> SweepList:
    """Sweeps that the user may see, newest first."""
    store = Sweeps(deployment.store.database)
    rows, total = store.newest(reader(user), limit, offset)
    counts = store.counts([row.id for row in rows])
    return SweepList(sweeps=[SweepLine(**_line(row, counts[row.id])) for row in rows], total=total)


def sweep_in_full(deployment: Deployment, user: User, sweep: str) -> SweepInFull:
    """A sweep with its cells. Raises WorkbenchError: sweep.unknown."""
    row = visible_sweep(deployment, user, sweep)
    store = Sweeps(deployment.store.database)
    cells = store.cells(sweep)
    run = sweep_run(deployment.store, sweep) if may_see_mlflow(user, deployment.settings) else None
    return SweepInFull(
        **_line(row, store.counts([sweep])[sweep]),
        spec=SweepSpec.model_validate(row.spec),
        axes=[SweepAxis.model_validate(axis) for axis in row.axes],
        plan=SweepPlan.model_validate(row.plan),
        table=_table(deployment, cells),
        mlflow_run=run_url(MLFLOW_PATH, run) if run else None,
        may_change=user.may_change(row.owner),
    )


def _line(row: SweepRow, counts: dict[str, int]) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "state": row.state,
        "owner": row.owner,
        "pipeline": row.pipeline,
        "experiment": row.experiment,
        "created": row.created_at,
        "cells": sum(counts.values()),
        "by_status": counts,
    }


def _table(deployment: Deployment, cells: Sequence[CellRow]) -> list[SweepCell]:
    shown: Collection[str] = [cell.job for cell in cells if cell.job and cell.status is not None]
    wanted = {one.name: one.result for one in pipelines().values() if one.result}
    results = results_of(deployment.store.database, shown, wanted)
    table = []
    for cell in cells:
        found = results.get(cell.job or "")
        table.append(
            SweepCell(
                index=cell.number,
                at=cell.at,
                job=cell.job,
                status=cell.status,
                progress=cell.progress,
                cached=cell.status is JobStatus.COMPLETED and 0 < cell.nodes == cell.nodes_cached,
                nodes=cell.nodes,
                nodes_cached=cell.nodes_cached,
                picture=found.picture if found else None,
                video=found.video if found else None,
                metrics=found.metrics if found else {},
                error=_error(cell),
                removed=cell.removed,
            )
        )
    return table


def _error(cell: CellRow) -> str:
    info: ErrorInfo | None = cell.error or cell.job_error
    if info is not None:
        return info.message
    return "its job was deleted" if cell.job and cell.status is None else ""
