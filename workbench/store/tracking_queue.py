"""Which jobs MLflow does not know yet. The state is in SQL, so nothing is lost while MLflow or its feeder is away."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from sqlalchemy import and_, func, or_, select, update

from schemas.status import FINAL_JOB_STATUSES
from workbench.store.database import Database
from workbench.store.tables import jobs

_FINAL = [status.value for status in FINAL_JOB_STATUSES]


class TrackingState(StrEnum):
    """How far the record of a job in MLflow is."""

    NONE = ""  # MLflow was not told of it
    CREATING = "creating"  # a run was asked for; whether it exists is only known from its tag
    BEGUN = "begun"  # the run exists and its id is saved
    DONE = "done"  # everything is recorded


class JobGone(Exception):
    """The job was deleted while it was being recorded. Its run goes with the runs of deleted jobs."""


class TrackingQueue:
    """The jobs to be recorded, in a database. Thread-safe; one transaction a call.

    All methods raise WorkbenchError: sql.unreachable, home.disk_full, home.not_writable.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def untracked(self, limit: int, now: float, live_after_s: float = 20.0) -> Sequence[str]:
        """Ids of jobs to record now, the longest finished first.

        These are final jobs that are not recorded, and jobs that have run for ``live_after_s`` and have no run yet: a
        long render has its page while it runs, a short one costs no extra request.
        """
        long_running = and_(
            jobs.c.status.not_in(_FINAL), jobs.c.started_at <= now - live_after_s, jobs.c.mlflow_run_id.is_(None)
        )
        wanted = and_(
            jobs.c.tracking != TrackingState.DONE,
            jobs.c.tracking_after <= now,
            or_(jobs.c.status.in_(_FINAL), long_running),
        )
        statement = select(jobs.c.id).where(wanted).order_by(func.coalesce(jobs.c.finished_at, now)).limit(limit)
        with self._database.read() as connection:
            return connection.execute(statement).scalars().all()

    def state(self, job: str) -> TrackingState:
        """How far the job's record is. Raises KeyError for an unknown job."""
        with self._database.read() as connection:
            found = connection.execute(select(jobs.c.tracking).where(jobs.c.id == job)).scalar()
        if found is None:
            raise KeyError(job)
        return TrackingState(found)

    def mark_creating(self, job: str) -> bool:
        """A run is about to be asked for. False where the job was deleted meanwhile: then none is to be made."""
        return self._set(job, tracking=TrackingState.CREATING)

    def set_mlflow_run(self, job: str, run_id: str) -> None:
        """The run exists."""
        self._set(job, tracking=TrackingState.BEGUN, mlflow_run_id=run_id, tracking_error=None)

    def mark_tracked(self, job: str) -> None:
        """Everything is recorded."""
        self._set(job, tracking=TrackingState.DONE, tracking_error=None)

    def forget_run(self, job: str) -> None:
        """The run is gone from MLflow: the next attempt makes another."""
        self._set(job, tracking=TrackingState.NONE, mlflow_run_id=None)

    def postpone(self, job: str, error: str, now: float) -> float:
        """This job cannot be recorded now: try again after a delay that doubles from 5 s to an hour. Returns it."""
        with self._database.write() as connection:
            tries: int = connection.execute(select(jobs.c.tracking_tries).where(jobs.c.id == job)).scalar() or 0
            delay_s = min(3600.0, 5.0 * 2.0 ** min(tries, 16))
            changed = {"tracking_tries": tries + 1, "tracking_after": now + delay_s, "tracking_error": error[:2000]}
            connection.execute(update(jobs).where(jobs.c.id == job).values(**changed))
        return delay_s

    def backlog(self) -> dict[str, int]:
        """How many final jobs are not recorded, and how many of them MLflow refused at least once."""
        waiting = and_(jobs.c.status.in_(_FINAL), jobs.c.tracking != TrackingState.DONE)
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
        with self._database.write() as connection:
            return connection.execute(update(jobs).where(jobs.c.id == job).values(**values)).rowcount > 0
