"""The results of a study reach MLflow once per version, on a run of its own and on the runs of its jobs."""

from __future__ import annotations

import pytest

from schemas.vote import AxisResult, RankedItem, StudyItem, StudyResults, StudySettings, StudyState
from tests.store.samples import make_job, whole_run
from workbench.settings import Settings
from workbench.store.jobs import JobStore
from workbench.store.tracking import Tracker
from workbench.store.tracking_api import TrackingApi
from workbench.store.vote_recording import STUDY_TAG, StudyRecorder
from workbench.store.votes import Votes

pytestmark = pytest.mark.stack


def results(strength: float) -> StudyResults:
    ranking = [
        RankedItem(item=at, rank=at + 1, strength=value, low=value - 1, high=value + 1, votes=4, wins=0.5)
        for at, value in enumerate((strength, -strength))
    ]
    axis = AxisResult(
        axis="lip sync",
        votes=4,
        ranking=ranking,
        drawn="votes",
        alpha=0.5,
        shared_pairs=2,
        consistency=None,
        repeats=0,
        correlations=[],
    )
    return StudyResults(axes=[axis], pairs=4, raters=2)


def test_results_are_recorded_with_the_study_and_with_its_jobs(
    mlflow_url: str, s3: dict[str, str], tmp_path: object, namespace: str
) -> None:
    settings = Settings(mlflow_url=mlflow_url, sql_url=f"sqlite:///{tmp_path}/jobs.db", **s3)
    store, api = JobStore.open(settings), TrackingApi(mlflow_url)
    tracker, votes, recorder = (
        Tracker.connect(settings, store),
        Votes(store.database),
        StudyRecorder(api, store.database),
    )
    made = [make_job(experiment=namespace) for _ in range(2)]
    for job in made:
        store.create(job)
        store.apply(whole_run(job.id, {}))
    items = [StudyItem(job=job.id, sha256="0" * 64, label=job.id) for job in made]
    study = votes.create("local", "A study", namespace, items, StudySettings(axes=["lip sync"]))
    assert recorder.sync_due() == 0  # nothing to tell yet

    votes.keep_results(study.id, 1, results(0.7))
    recorder.sync_due()  # the jobs have no runs yet
    while tracker.sync_due():
        pass
    votes.set_state(study.id, StudyState.CLOSED)
    votes.keep_results(study.id, 2, results(0.8))
    with store.database.write() as connection:
        connection.exec_driver_sql("UPDATE studies SET recorded_after = 0")
    assert recorder.sync_due() == 1
    assert recorder.sync_due() == 0

    experiment = api.experiment_id(namespace)
    [run] = api.runs([experiment], f"tags.`{STUDY_TAG}` = '{study.id}'")
    metrics = {one["key"]: one["value"] for one in run["data"]["metrics"]}
    assert (run["info"]["status"], metrics["lip sync.alpha"], metrics["pairs"]) == ("FINISHED", 0.5, 4)
    record = store.get(made[0].id)
    assert record is not None and record.mlflow_run_id is not None
    [own] = api.runs([experiment], f"tags.`workbench.job` = '{made[0].id}'")
    metrics = {one["key"]: one["value"] for one in own["data"]["metrics"]}
    assert metrics["votes.lip sync.strength"] == 0.8
    store.close()
