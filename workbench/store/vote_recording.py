"""Records the results of studies in MLflow: a run for each study, and metrics on the runs of its jobs.

The app stores results in SQL when someone looks at a study or closes it; here they are sent on, by the one recorder of
the deployment. Nobody waits for MLflow, and points have the version of the votes as their step.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import orjson
import structlog
from sqlalchemy import select, update

from schemas.errors import WorkbenchError
from schemas.vote import StudyResults, StudyState
from workbench.store.database import Database
from workbench.store.run_contents import key_of
from workbench.store.tables import jobs, studies
from workbench.store.tracking_api import TrackingApi, TrackingRefused
from workbench.store.votes import Study, study_of_row

log = structlog.get_logger(__name__)

STUDY_TAG = "workbench.study"
REFUSED_S, PENDING_S = 600.0, 30.0  # until the next attempt
MOST_METRICS = 700  # in a batch
Metric = dict[str, Any]


class StudyRecorder:
    """Records studies in one MLflow server. Not thread-safe."""

    def __init__(self, api: TrackingApi, database: Database) -> None:
        self._api, self._database = api, database

    def sync_due(self) -> int:
        """Record the studies with new results. Returns their number.

        Raises TrackingUnavailable, WorkbenchError (sql.unreachable): call again later.
        """
        columns, now = studies.c, time.time()
        due = self._database.mappings(
            select(studies).where(
                columns.results.is_not(None), columns.results_of > columns.recorded, columns.recorded_after <= now
            )
        )
        for row in due:
            study = study_of_row(row)
            done: dict[str, Any]
            try:
                pending = self._record(study)
                done = {"recorded": study.results_of} if not pending else {"recorded_after": now + PENDING_S}
            except TrackingRefused as refused:
                log.warning("tracking.study_refused", study=study.id, seen=refused.seen)
                gone = {"mlflow_run_id": None} if refused.reason == "RESOURCE_DOES_NOT_EXIST" else {}
                done = {"recorded_after": now + (0 if gone and study.mlflow_run_id else REFUSED_S), **gone}
            except WorkbenchError:
                raise
            except Exception:  # one invalid study must not prevent the recording of jobs
                log.exception("tracking.study_failed", study=study.id)
                done = {"recorded_after": now + REFUSED_S}
            self._database.change(update(studies).where(columns.id == study.id).values(**done))
        return len(due)

    def _record(self, study: Study) -> bool:
        """Returns whether a job of it has no run yet."""
        assert study.results is not None
        run = study.mlflow_run_id or self._begin(study)
        at_ms = int(time.time() * 1000)
        self._log(
            run, _points(_of_study(study.results), at_ms, study.results_of), {"workbench.state": study.state.value}
        )
        labels = [one.model_dump(mode="json", exclude={"gone"}) for one in study.items]
        body = orjson.dumps({"items": labels, "results": study.results.model_dump(mode="json")})
        uri = str(self._api.run_info(run)["artifact_uri"])
        self._api.upload(uri, "ranking.json", body, "application/json")
        closed = study.state is StudyState.CLOSED
        self._api.update_run(run, "FINISHED" if closed else "RUNNING", at_ms if closed else None)
        pending = False
        runs = self._runs([item.job for item in study.items])
        for index, item in enumerate(study.items):
            known = runs.get(item.job, "")  # "" for a deleted job
            pending = pending or known is None
            if known:
                self._log_on_job(known, study, index, at_ms)
        return pending

    def _begin(self, study: Study) -> str:
        experiment = self._api.experiment_id(study.experiment)
        info = self._api.find_run(experiment, STUDY_TAG, study.id)
        if info is None:
            tags = {STUDY_TAG: study.id, "workbench.owner": study.owner, "mlflow.user": study.owner}
            start_ms = int(study.created_at * 1000)
            info = self._api.create_run(experiment, f"study {study.name}", study.owner, start_ms, tags)
        run = str(info["run_id"])
        params = {"axes": ", ".join(study.settings.axes), "pairs": str(study.settings.pairs)}
        self._api.log_batch(run, [], {**params, "items": str(len(study.items))}, {})
        self._database.change(update(studies).where(studies.c.id == study.id).values(mlflow_run_id=run))
        return run

    def _log_on_job(self, run: str, study: Study, item: int, at_ms: int) -> None:
        assert study.results is not None
        points = _points(_of_item(study.results, item), at_ms, study.results_of)
        try:
            self._log(run, points, {"workbench.votes": f"{study.name} ({study.id})"})
        except TrackingRefused as refused:  # a person deleted this run
            log.info("tracking.votes_refused", run=run, seen=refused.seen)

    def _log(self, run: str, points: Sequence[Metric], tags: dict[str, str]) -> None:
        for start in range(0, max(1, len(points)), MOST_METRICS):
            self._api.log_batch(run, list(points[start : start + MOST_METRICS]), {}, tags)

    def _runs(self, ids: Sequence[str]) -> dict[str, str | None]:
        """job -> id of its run; None while it has none."""
        rows = self._database.rows(select(jobs.c.id, jobs.c.mlflow_run_id).where(jobs.c.id.in_(ids)))
        return {row.id: row.mlflow_run_id for row in rows}


def _of_study(results: StudyResults) -> Iterator[tuple[str, float | None]]:
    yield "pairs", results.pairs
    yield "raters", results.raters
    for axis in results.axes:
        yield f"{axis.axis}.votes", axis.votes
        yield f"{axis.axis}.alpha", axis.alpha
        yield f"{axis.axis}.consistency", axis.consistency
        for one in axis.correlations:
            yield f"{axis.axis}.rho.{one.metric}", one.rho


def _of_item(results: StudyResults, item: int) -> Iterator[tuple[str, float | None]]:
    for axis in results.axes:
        for one in axis.ranking:
            if one.item == item and one.votes:
                yield f"votes.{axis.axis}.strength", one.strength
                yield f"votes.{axis.axis}.low", one.low
                yield f"votes.{axis.axis}.high", one.high
                yield f"votes.{axis.axis}.rank", one.rank
                yield f"votes.{axis.axis}.count", one.votes


def _points(values: Iterator[tuple[str, float | None]], at_ms: int, step: int) -> list[Metric]:
    return [
        {"key": key_of(name), "value": float(value), "timestamp": at_ms, "step": step}
        for name, value in values
        if value is not None
    ]
