"""The parent run of a sweep in MLflow: its jobs' runs are nested below it, and it shows the sweep's spec and state."""

from __future__ import annotations

import time

import orjson
import structlog

from schemas.sweep import SweepState
from workbench.store.jobs import JobStore
from workbench.store.run_artifacts import RunArtifacts
from workbench.store.run_contents import MAX_TAG, Deliverable
from workbench.store.sweeps import SweepRow, Sweeps
from workbench.store.tracking_api import TrackingApi, TrackingRefused
from workbench.store.tracking_queue import TrackingQueue

NOTE = "mlflow.sweep."  # of the deployment: the run of a sweep in an experiment
CREATING = "creating"
SWEEP_TAG = "workbench.sweep_parent"
_STATUS = {
    SweepState.RUNNING: "RUNNING",
    SweepState.PAUSED: "RUNNING",
    SweepState.COMPLETED: "FINISHED",
    SweepState.CANCELLED: "KILLED",
}
log = structlog.get_logger(__name__)


def sweep_run(store: JobStore, sweep: str) -> str | None:
    """Id of the parent run of a sweep; None if it does not exist yet."""
    return next((run for run in store.notes(f"{NOTE}{sweep}.").values() if run != CREATING), None)


def run_title(row: SweepRow | None, sweep: str) -> str:
    """The name of its run."""
    return f"sweep {row.name}" if row else f"sweep {sweep}"


class SweepRuns:
    """Keeps the parent runs like their sweeps. Not thread-safe; the tracker uses it."""

    def __init__(self, api: TrackingApi, store: JobStore, artifacts: RunArtifacts) -> None:
        self._api, self._store, self._artifacts = api, store, artifacts
        self._sweeps = Sweeps(store.database)
        self._queue = TrackingQueue(store.database)

    def get(self, sweep: str) -> SweepRow | None:
        """The sweep; None for jobs that were given the name of a sweep without one."""
        return self._sweeps.get(sweep)

    def sync(self) -> int:
        """Record the changes that MLflow does not have. Returns their number.

        A completed sweep waits until all its jobs are recorded, so that a finished parent run is complete.
        Raises TrackingUnavailable, WorkbenchError (sql.unreachable, store.unreachable).
        """
        done = 0
        for row in self._sweeps.unrecorded():
            run = sweep_run(self._store, row.id)
            if run is None or (row.state is SweepState.COMPLETED and self._queue.sweep_open(row.id)):
                continue
            try:
                self._record(row, run)
            except TrackingRefused as refused:  # a person deleted the run, or MLflow's database was replaced
                log.info("tracking.sweep_refused", sweep=row.id, run=run, seen=refused.seen)
            self._sweeps.set_recorded(row.id, row.revision)
            done += 1
        return done

    def _record(self, row: SweepRow, run: str) -> None:
        plan = row.plan
        tags = {
            "mlflow.runName": run_title(row, row.id),
            "workbench.sweep_state": row.state.value,
            "workbench.sweep_axes": ", ".join(f"{axis['name']} ({len(axis['labels'])})" for axis in row.axes),
            "workbench.sweep_cells": str(plan.get("cells", "")),
            "workbench.sweep_nodes": f"{plan.get('distinct', '')} distinct of {plan.get('nodes', '')}",
        }
        self._api.log_batch(run, [], {}, {name: value[:MAX_TAG] for name, value in tags.items()})
        data = orjson.dumps(row.spec, option=orjson.OPT_INDENT_2)
        spec = Deliverable("sweep.json", data=data, media_type="application/json")
        self._artifacts.put(str(self._api.run_info(run)["artifact_uri"]), [spec])
        status = _STATUS[row.state]
        self._api.update_run(run, status, None if status == "RUNNING" else int(time.time() * 1000))
