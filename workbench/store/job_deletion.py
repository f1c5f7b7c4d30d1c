"""Deletes jobs in SQL: their rows in one transaction, and a note of the runs that remain to be deleted in MLflow."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, delete, exists, func, select

from schemas.sweep import SweepState
from workbench.store.database import Database
from workbench.store.statements import Statements
from workbench.store.tables import (
    deployment,
    doomed_runs,
    job_artifacts,
    job_is_final,
    jobs,
    sweep_cells,
    sweeps,
    uploads,
)

_SOME = 500


@dataclass(frozen=True)
class DoomedRun:
    """A run whose job was deleted."""

    id: str  # id of the job, or "sweep …"
    run_id: str | None
    experiment: str
    at: float


class JobDeletion:
    """Thread-safe; every method is one blocking transaction.

    All methods raise WorkbenchError: sql.unreachable, home.disk_full, home.not_writable.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = Statements(database.dialect)

    def delete(self, ids: Sequence[str], *, tracked: bool) -> list[str]:
        """Remove finished jobs and all data that belongs only to them. Returns the removed ones.

        Args:
            tracked: whether jobs are recorded in MLflow. If so, a run may exist although its id is not known.
        """
        gone: list[str] = []
        with self._database.write() as connection:
            for start in range(0, len(ids), _SOME):
                gone += self._delete(connection, ids[start : start + _SOME], tracked)
        return gone

    def _delete(self, connection: Connection, ids: Sequence[str], tracked: bool) -> list[str]:
        columns = jobs.c
        wanted = select(columns.id, columns.mlflow_run_id, columns.experiment, columns.sweep, columns.tracking)
        rows = connection.execute(wanted.where(columns.id.in_(ids), job_is_final)).all()
        now = time.time()
        doomed = [
            {"id": row.id, "run_id": row.mlflow_run_id, "experiment": row.experiment, "at": now}
            for row in rows
            if row.mlflow_run_id or (tracked and row.tracking)
        ]
        # ON DELETE CASCADE also removes events, nodes, parameters, grants and dead letters.
        connection.execute(delete(jobs).where(columns.id.in_([row.id for row in rows])))
        for sweep, experiment in {(row.sweep, row.experiment) for row in rows if row.sweep}:
            doomed += self._end_sweep(connection, sweep, experiment, now)
        self._sql.upsert(connection, doomed_runs, doomed)
        return [row.id for row in rows]

    def _end_sweep(self, connection: Connection, sweep: str, experiment: str, now: float) -> list[dict[str, object]]:
        """The parent run of a sweep that has no jobs left. The sweep goes with it, unless it submits more."""
        if connection.execute(select(jobs.c.id).where(jobs.c.sweep == sweep).limit(1)).first() is not None:
            return []
        submits = sweeps.c.state.in_([SweepState.RUNNING.value, SweepState.PAUSED.value])
        connection.execute(delete(sweeps).where(sweeps.c.id == sweep, ~submits))
        if connection.execute(select(sweeps.c.id).where(sweeps.c.id == sweep)).first() is not None:
            return []
        return self._doomed_sweep(connection, sweep, experiment, now)

    def delete_sweep(self, sweep: str) -> bool:
        """Delete a sweep that has no jobs and submits none. Returns whether it existed so."""
        has_jobs = select(jobs.c.id).where(jobs.c.sweep == sweep).exists()
        idle = sweeps.c.state != SweepState.RUNNING.value
        with self._database.write() as connection:
            experiment = connection.execute(select(sweeps.c.experiment).where(sweeps.c.id == sweep)).scalar()
            gone = connection.execute(delete(sweeps).where(sweeps.c.id == sweep, idle, ~has_jobs)).rowcount
            if gone:
                doomed = self._doomed_sweep(connection, sweep, str(experiment), time.time())
                self._sql.upsert(connection, doomed_runs, doomed)
        return bool(gone)

    def erase_sweeps(self, ids: Collection[str]) -> None:
        """Remove sweeps with their specs and graphs, whatever jobs are left of them."""
        with self._database.write() as connection:
            connection.execute(delete(sweeps).where(sweeps.c.id.in_(list(ids))))

    def drop_cells(self, ids: Collection[str]) -> list[str]:
        """Remove the cells of deleted jobs from their sweeps, with their graphs. Returns the sweeps that stay."""
        columns, left = sweep_cells.c, []
        with self._database.write() as connection:
            found = (
                connection.execute(select(columns.sweep).where(columns.job.in_(list(ids))).distinct()).scalars().all()
            )
            connection.execute(delete(sweep_cells).where(columns.job.in_(list(ids))))
            for sweep in found:
                if connection.execute(select(columns.number).where(columns.sweep == sweep).limit(1)).first() is None:
                    connection.execute(delete(sweeps).where(sweeps.c.id == sweep))
                else:
                    left.append(sweep)
        return left

    def _doomed_sweep(self, connection: Connection, sweep: str, experiment: str, now: float) -> list[dict[str, object]]:
        mine = deployment.c.key.startswith(f"mlflow.sweep.{sweep}.", autoescape=True)
        notes = connection.execute(select(deployment.c.key, deployment.c.value).where(mine)).all()
        connection.execute(delete(deployment).where(mine))
        return [
            {"id": f"sweep {key.removeprefix('mlflow.sweep.')}", "run_id": run, "experiment": experiment, "at": now}
            for key, run in notes
            if run != "creating"
        ]

    def doomed(self) -> list[DoomedRun]:
        """Runs of deleted jobs that may still exist in MLflow, oldest first."""
        rows = self._database.rows(select(doomed_runs).order_by(doomed_runs.c.at))
        return [DoomedRun(row.id, row.run_id, row.experiment, row.at) for row in rows]

    def doom(self, run_id: str, experiment: str) -> None:
        """Note a run to delete that does not belong to a job, such as that of a notebook."""
        row = {"id": f"run {run_id}", "run_id": run_id, "experiment": experiment, "at": time.time()}
        with self._database.write() as connection:
            self._sql.upsert(connection, doomed_runs, [row])

    def settle(self, ids: Collection[str]) -> None:
        """Record that these runs no longer exist."""
        self._database.change(delete(doomed_runs).where(doomed_runs.c.id.in_(list(ids))))

    def unused_uploads(self, before: float) -> list[tuple[str, str]]:
        """(owner, digest) of claims older than ``before`` on files that no job refers to."""
        by_jobs = exists().where(job_artifacts.c.sha256 == uploads.c.sha256)
        wanted = select(uploads.c.owner, uploads.c.sha256).where(uploads.c.created_at < before, ~by_jobs)
        return [(row[0], row[1]) for row in self._database.rows(wanted.order_by(uploads.c.created_at))]

    def drop_uploads(self, claims: Collection[tuple[str, str]]) -> int:
        """Remove claims. Returns how many existed."""
        gone = 0
        with self._database.write() as connection:
            for owner, sha256 in claims:
                mine = and_(uploads.c.owner == owner, uploads.c.sha256 == sha256)
                gone += connection.execute(delete(uploads).where(mine)).rowcount
        return gone

    def count(self) -> int:
        """The number of jobs."""
        with self._database.read() as connection:
            return connection.execute(select(func.count()).select_from(jobs)).scalar_one()
