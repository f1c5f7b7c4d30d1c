"""Records jobs from SQL in MLflow: exactly one run per job, even after crashes.

The order makes it safe to stop at any point: SQL notes that a run is being created, the run is created, then its id is
saved. In between, the run is found by its tag. All later steps can be repeated without adding anything, because MLflow
stores equal parameters, points and spans only once. The status is set last, so a run with status FINISHED is complete.
"""

from __future__ import annotations

import threading
import time

import structlog

from schemas.errors import WorkbenchError
from schemas.job import JobRecord
from workbench.backoff import Backoff
from workbench.crash_points import CrashPoint, reached
from workbench.settings import Settings
from workbench.store import run_contents
from workbench.store.jobs import JobStore
from workbench.store.objects import Objects
from workbench.store.run_artifacts import RunArtifacts
from workbench.store.run_name import run_name
from workbench.store.sweep_runs import CREATING, NOTE, SWEEP_TAG, SweepRuns, run_title
from workbench.store.tracking_api import TrackingApi, TrackingRefused
from workbench.store.tracking_queue import JobGone, TrackingQueue, TrackingState
from workbench.store.vote_recording import StudyRecorder

log = structlog.get_logger(__name__)

JOB_TAG = "workbench.job"
PARENT_RUN_TAG = "mlflow.parentRunId"  # MLflow's own tag, which nests the run below its parent
MAX_PARAMS, MAX_TAGS, MAX_METRICS = 100, 100, 700  # per batch; MLflow accepts 1,000 entities in total
POLL_S = 1.0
SERIES_EVERY_S = 5.0  # of one job
PAUSES = Backoff(first_s=1.0, longest_s=10.0)


class Tracker:
    """Records jobs in one MLflow server. Not thread-safe; one tracker per deployment (the recorder holds a lease)."""

    def __init__(self, api: TrackingApi, store: JobStore, objects: Objects) -> None:
        self.api = api
        self.store = store
        self.queue = TrackingQueue(store.database)
        self.studies = StudyRecorder(api, store.database)
        self._artifacts = RunArtifacts(api, objects)
        self.sweeps = SweepRuns(api, store, self._artifacts)
        self._experiments: dict[str, str] = {}
        self._artifact_uris: dict[str, str] = {}  # by run id, for jobs that are not final
        self._fed: dict[str, tuple[tuple[int, int], float]] = {}  # running job -> number of its last event, and when

    @classmethod
    def connect(cls, settings: Settings, store: JobStore) -> Tracker:
        """A tracker for the MLflow server of the settings. Sends no request yet."""
        return cls(TrackingApi(settings.mlflow_url), store, Objects.connect(settings))

    def sync_due(self, limit: int = 20) -> int:
        """Record the jobs that are due. Returns their number. A job that MLflow rejects is postponed, not lost.

        Raises TrackingUnavailable if MLflow is not available, and WorkbenchError (sql.unreachable, store.unreachable)
        if SQL or the object store is not. Nothing is lost then; call again later.
        """
        due = self.queue.untracked(limit, now=time.time())
        for job_id in due:
            try:
                record = self.store.get(job_id)
                if record is not None:  # None if it was deleted meanwhile
                    self.sync(record)
            except JobGone:
                log.info("tracking.job_deleted", job=job_id)
            except TrackingRefused as refused:
                delay_s = self.queue.postpone(job_id, refused.remark, now=time.time())
                log.warning("tracking.refused", job=job_id, retry_in_s=delay_s, seen=refused.seen, where=refused.where)
            except WorkbenchError:
                raise
            except Exception as fault:  # one invalid job must not prevent the recording of others
                delay_s = self.queue.postpone(job_id, f"{type(fault).__name__}: {fault}", now=time.time())
                log.exception("tracking.failed", job=job_id, retry_in_s=delay_s)
        return len(due)

    def feed_series(self) -> int:
        """Log the new points of the metrics over steps of running jobs. Returns the number of jobs that had any.

        Raises TrackingUnavailable, WorkbenchError (sql.unreachable). What MLflow rejects is logged with the job's end.
        """
        measuring, now = self.queue.measuring(time.time()), time.monotonic()
        self._fed = {job: known for job, known in self._fed.items() if job in measuring}
        fed = 0
        for job_id, number in measuring.items():
            known, at = self._fed.get(job_id, ((0, 0), now - SERIES_EVERY_S))
            if number == known or now - at < SERIES_EVERY_S:
                continue
            self._fed[job_id] = number, now
            record = self.store.get(job_id)
            if record is None or record.mlflow_run_id is None:  # it was deleted meanwhile
                continue
            try:
                self._log_points(record, record.mlflow_run_id)
                fed += 1
            except TrackingRefused as refused:
                log.info("tracking.points_refused", job=job_id, seen=refused.seen)
        return fed

    def sync(self, job: JobRecord) -> str:
        """Update the job's run from the record and return its id. Calling it again creates no second run.

        A job that is not final gets its run, parameters and tags; a final job gets everything.
        Raises TrackingUnavailable, TrackingRefused, WorkbenchError (sql.unreachable, store.unreachable).
        """
        try:
            return self._sync(job)
        except TrackingRefused as refused:
            self._artifact_uris.pop(job.mlflow_run_id or "", None)
            known_experiment = self._experiments.pop(job.experiment, None)
            if refused.reason == "RESOURCE_DOES_NOT_EXIST" and (job.mlflow_run_id or known_experiment):
                # MLflow's database was replaced by an empty one, or the experiment was removed permanently, so record
                # the job again from SQL.
                self._experiments.clear()
                self.queue.forget_run(job.id)
                return self._sync(job.model_copy(update={"mlflow_run_id": None}))
            if "state is deleted" not in str(refused.seen):
                raise
            if self._restore(job.experiment):
                return self._sync(self.store.get(job.id) or job)  # the first attempt may have created the run
            if job.mlflow_run_id is None:
                raise
            log.info("tracking.run_deleted", job=job.id, run=job.mlflow_run_id)  # a person deleted it: keep it so
            self.queue.mark_tracked(job.id, remark="a person deleted its run in MLflow")
            return job.mlflow_run_id

    def _restore(self, name: str) -> bool:
        """Restore an experiment that a person deleted in MLflow, because a new job was submitted to it.

        MLflow also restores the runs in it that were deleted one by one. Those of jobs that were deleted in the
        workbench are deleted again. Returns False if the experiment was not deleted.
        """
        experiment_id = self._experiment(name)
        if not self.api.restore_experiment(experiment_id):
            return False
        log.info("tracking.experiment_restored", experiment=name)
        for run in self.api.runs([experiment_id], view="ACTIVE_ONLY"):
            job = next((tag["value"] for tag in run["data"].get("tags", ()) if tag["key"] == JOB_TAG), None)
            if job is not None and self.store.get(job) is None:
                self.api.delete_run(str(run["info"]["run_id"]))
        return True

    def _sync(self, job: JobRecord) -> str:
        experiment_id = self._experiment(job.experiment)
        tags = run_contents.tags(job)
        if job.mlflow_run_id is not None:
            run_id = job.mlflow_run_id
        else:
            run_id, tags = self._begin(job, experiment_id, tags)
        self._log(job, run_id, tags)
        self._log_points(job, run_id)
        if not job.status.final:
            return run_id
        reached(CrashPoint.RUN_LOGGED)
        self.api.log_spans(experiment_id, run_id, run_contents.spans(job))
        artifact_uri = self._artifact_uris.pop(run_id, "") or str(self.api.run_info(run_id)["artifact_uri"])
        self._artifacts.put(artifact_uri, run_contents.deliverables(job))
        end_ms = int((job.finished_at or time.time()) * 1000)
        reached(CrashPoint.RUN_FILLED)
        self.api.update_run(run_id, run_contents.RUN_STATUS[job.status], end_ms)
        reached(CrashPoint.RUN_ENDED)
        self.queue.mark_tracked(job.id)
        if job.sweep:
            self._end_sweep(job, end_ms)
        log.info("tracking.recorded", job=job.id, run=run_id, status=job.status)
        return run_id

    def _experiment(self, name: str) -> str:
        if name not in self._experiments:
            self._experiments[name] = self.api.experiment_id(name)
        return self._experiments[name]

    def _begin(self, job: JobRecord, experiment_id: str, tags: dict[str, str]) -> tuple[str, dict[str, str]]:
        """The job's run, new or found by its tag, and the tags that it does not have yet."""
        info = None
        if self.queue.state(job.id) is TrackingState.CREATING:
            info = self.api.find_run(experiment_id, JOB_TAG, job.id)
        left = {} if info is None else tags
        if info is None:
            above = self._sweep_run(job, experiment_id) if job.sweep else run_contents.parent_run(job)
            parent = {PARENT_RUN_TAG: above} if above else {}
            if not self.queue.mark_creating(job.id):
                raise JobGone(job.id)
            reached(CrashPoint.RUN_CREATING)
            start_ms = int((job.started_at or job.created_at) * 1000)
            name = run_name(job)
            info = self.api.create_run(experiment_id, name, job.owner, start_ms, tags | parent)
            reached(CrashPoint.RUN_CREATED)
        run_id = str(info["run_id"])
        self.queue.set_mlflow_run(job.id, run_id)
        self._artifact_uris[run_id] = str(info["artifact_uri"])
        return run_id, left

    def _log(self, job: JobRecord, run_id: str, tags_left: dict[str, str]) -> None:
        """Log parameters, metrics and the remaining tags, in one request unless the graph is very large."""
        params = list(run_contents.parameters(job).items())
        tags = list(tags_left.items())
        metrics = run_contents.metrics(job) if job.status.final else []
        while params or tags or metrics:
            self.api.log_batch(run_id, metrics[:MAX_METRICS], dict(params[:MAX_PARAMS]), dict(tags[:MAX_TAGS]))
            params, tags, metrics = params[MAX_PARAMS:], tags[MAX_TAGS:], metrics[MAX_METRICS:]

    def _log_points(self, job: JobRecord, run_id: str) -> None:
        """Log the points of metrics over steps that the run does not have; MLflow says which, so a repeat adds none."""
        if not any(node.series for node in job.nodes):
            return
        left = run_contents.points(job, self.api.last_steps(run_id))
        while left:
            self.api.log_batch(run_id, left[:MAX_METRICS], {}, {})
            left = left[MAX_METRICS:]

    def _sweep_run(self, job: JobRecord, experiment_id: str) -> str:
        """The parent run of the jobs of a sweep, created as crash-safely as the run of a job."""
        key = f"{NOTE}{job.sweep}.{experiment_id}"
        known = self.store.note(key)
        if known and known != CREATING:
            return known
        assert job.sweep is not None
        info = self.api.find_run(experiment_id, SWEEP_TAG, job.sweep) if known == CREATING else None
        if info is None:
            self.store.set_note(key, CREATING)
            tags = {SWEEP_TAG: job.sweep, "workbench.pipeline": job.pipeline, "mlflow.user": job.owner}
            name = run_title(self.sweeps.get(job.sweep), job.sweep)
            info = self.api.create_run(experiment_id, name, job.owner, int(job.created_at * 1000), tags)
        self.store.set_note(key, info["run_id"])
        return str(info["run_id"])

    def _end_sweep(self, job: JobRecord, end_ms: int) -> None:
        """End the parent run of jobs that were given the name of a sweep; ``SweepRuns`` ends that of a sweep."""
        assert job.sweep is not None
        if self.sweeps.get(job.sweep) is None and not self.queue.sweep_open(job.sweep):
            run_id = self.store.note(f"{NOTE}{job.sweep}.{self._experiment(job.experiment)}")
            if run_id and run_id != CREATING:
                self.api.update_run(run_id, "FINISHED", end_ms)


def keep_tracking(tracker: Tracker, stop: threading.Event) -> None:
    """Record due jobs until ``stop`` is set. Blocks. No failure of MLflow ends it.

    While a part is not available, it pauses with increasing delays of up to ten seconds; pending work remains in SQL.
    """
    failures = 0
    while not stop.is_set():
        try:
            recorded = tracker.sync_due()
            tracker.feed_series()
            tracker.sweeps.sync()
            tracker.studies.sync_due()
        except WorkbenchError as error:
            failures += 1
            pause_s = PAUSES.pause_s(failures)
            log.warning("tracking.paused", pause_s=pause_s, code=error.code, seen=error.seen, where=error.where)
            stop.wait(pause_s)
            continue
        failures = 0
        if recorded == 0:
            stop.wait(POLL_S)
