"""The queue of jobs to record in MLflow. Its state is in SQL, so nothing is lost if MLflow or the recorder is down."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from sqlalchemy import Text, and_, func, or_, select, type_coerce, update

from workbench.store.database import Database
from workbench.store.tables import job_is_final, jobs, node_results


class TrackingState(StrEnum):
    """The state of a job's record in MLflow."""

    NONE = ""  # nothing is recorded
    CREATING = "creating"  # a run was requested; only its tag shows whether it exists
    BEGUN = "begun"  # the run exists and its id is saved
    DONE = "done"  # everything is recorded


class JobGone(Exception):
    """The job was deleted while it was being recorded. Its run is deleted with the runs of deleted jobs."""


class TrackingQueue:
    """The jobs to record, in a database. Thread-safe; one transaction per call.

    All methods raise WorkbenchError: sql.unreachable, home.disk_full, home.not_writable.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def untracked(self, limit: int, now: float, live_after_s: float = 20.0) -> Sequence[str]:
        """Ids of jobs to record now, starting with the job that finished first.

        These are final jobs that are not recorded, and jobs that have been running for ``live_after_s`` without a run.
        So a long render has a page in MLflow while it runs, and a short one costs no extra request.
        """
        long_running = and_(~job_is_final, jobs.c.started_at <= now - live_after_s, jobs.c.mlflow_run_id.is_(None))
        wanted = and_(
            jobs.c.tracking != TrackingState.DONE,
            jobs.c.tracking_after <= now,
            or_(job_is_final, long_running),
        )
        statement = select(jobs.c.id).where(wanted).order_by(func.coalesce(jobs.c.finished_at, now)).limit(limit)
        return self._database.scalars(statement)

    def measuring(self, now: float) -> dict[str, tuple[int, int]]:
        """Jobs that are not final, have a run and metrics over steps, each with the number of its last event."""
        columns = node_results.c
        statement = (
            select(columns.job, columns.event_epoch, columns.event_seq)
            .join(jobs, jobs.c.id == columns.job)
            .where(jobs.c.tracking == TrackingState.BEGUN, ~job_is_final, jobs.c.tracking_after <= now)
            .where(type_coerce(columns.series, Text) != "{}")
        )
        found: dict[str, tuple[int, int]] = {}
        for job, epoch, seq in self._database.rows(statement):
            found[job] = max(found.get(job, (0, 0)), (epoch, seq))
        return found

    def state(self, job: str) -> TrackingState:
        """The state of the job's record. Raises KeyError for an unknown job."""
        found = self._database.scalar(select(jobs.c.tracking).where(jobs.c.id == job))
        if found is None:
            raise KeyError(job)
        return TrackingState(found)

    def rejected(self, job: str) -> bool:
        """Whether MLflow rejected the job's record, so that it is tried again after a delay."""
        return self._database.scalar(select(jobs.c.tracking_error).where(jobs.c.id == job)) is not None

    def mark_creating(self, job: str) -> bool:
        """Note that a run is about to be created. Returns False if the job was deleted; then create none."""
        return self._set(job, tracking=TrackingState.CREATING)

    def set_mlflow_run(self, job: str, run_id: str) -> None:
        """Note that the run exists."""
        self._set(job, tracking=TrackingState.BEGUN, mlflow_run_id=run_id, tracking_error=None)

    def mark_tracked(self, job: str, remark: str | None = None) -> None:
        """Note that everything is recorded, or why it never will be."""
        self._set(job, tracking=TrackingState.DONE, tracking_error=remark)

    def forget_run(self, job: str) -> None:
        """Note that the run no longer exists in MLflow, so that the next attempt creates another."""
        self._set(job, tracking=TrackingState.NONE, mlflow_run_id=None)

    def postpone(self, job: str, error: str, now: float) -> float:
        """Retry this job after a delay, which doubles from 5 s up to an hour. Returns the delay."""
        with self._database.write() as connection:
            tries: int = connection.execute(select(jobs.c.tracking_tries).where(jobs.c.id == job)).scalar() or 0
            delay_s = min(3600.0, 5.0 * 2.0 ** min(tries, 16))
            changed = {"tracking_tries": tries + 1, "tracking_after": now + delay_s, "tracking_error": error[:2000]}
            connection.execute(update(jobs).where(jobs.c.id == job).values(**changed))
        return delay_s

    def backlog(self) -> dict[str, int]:
        """The number of final jobs that are not recorded, and how many of them MLflow rejected at least once."""
        waiting = and_(job_is_final, jobs.c.tracking != TrackingState.DONE)
        refused = jobs.c.tracking_error.is_not(None)
        count = select(func.count()).select_from(jobs)
        with self._database.read() as connection:
            return {
                "waiting": connection.execute(count.where(waiting)).scalar_one(),
                "refused": connection.execute(count.where(waiting, refused)).scalar_one(),
            }

    def sweep_open(self, sweep: str) -> bool:
        """Whether the sweep has jobs that are not recorded."""
        statement = select(jobs.c.id).where(jobs.c.sweep == sweep, jobs.c.tracking != TrackingState.DONE).limit(1)
        with self._database.read() as connection:
            return connection.execute(statement).first() is not None

    def _set(self, job: str, **values: Any) -> bool:
        return self._database.change(update(jobs).where(jobs.c.id == job).values(**values)) > 0
