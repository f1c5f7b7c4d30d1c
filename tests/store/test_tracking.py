"""MLflow is updated from SQL: one run per job despite crashes, and MLflow problems never stop the deployment."""

from __future__ import annotations

import json
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import delete, update

from schemas.errors import WorkbenchError
from schemas.event import Event, EventType
from schemas.job import NewJob
from schemas.refs import Ref
from schemas.series import MOST_POINTS
from tests.stack.servers import running_servers
from tests.store.media import write_clip, write_tone
from tests.store.samples import failed, make_job, make_ref, plain, running, whole_run
from workbench.backoff import Backoff
from workbench.settings import Settings
from workbench.store.jobs import JobStore
from workbench.store.mlflow_pages import run_url
from workbench.store.objects import Objects
from workbench.store.tables import jobs
from workbench.store.tracking import JOB_TAG, Tracker, keep_tracking
from workbench.store.tracking_api import TrackingApi, TrackingUnavailable
from workbench.store.tracking_queue import TrackingState
from workbench.unix_url import connection_to

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """An object store, and an MLflow server that keeps its artifacts in it."""
    with running_servers(tmp_path_factory.mktemp("tracking"), only=("objects", "mlflow")) as settings:
        yield settings


@pytest.fixture
def settings(servers: Settings, tmp_path: Path) -> Settings:
    return servers.model_copy(update={"sql_url": f"sqlite:///{tmp_path}/jobs.db"})


@pytest.fixture
def store(settings: Settings) -> Iterator[JobStore]:
    store = JobStore.open(settings)
    yield store
    store.close()


@pytest.fixture
def tracker(settings: Settings, store: JobStore) -> Tracker:
    return Tracker.connect(settings, store)


@pytest.fixture
def experiment() -> str:
    return f"t {uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="module")
def media(servers: Settings, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ref]:
    folder = tmp_path_factory.mktemp("media")
    refs = {
        "silent": make_ref(write_clip(folder / "silent.mp4", hue=10), "video"),
        "video": make_ref(write_clip(folder / "video.mp4"), "video"),
        "audio": make_ref(write_tone(folder / "audio.wav"), "audio"),
    }
    objects = Objects.connect(servers)
    for name, ref in refs.items():
        objects.put(folder / f"{name}{'.wav' if name == 'audio' else '.mp4'}", ref)
    return refs


def record_run(store: JobStore, job: NewJob, media: dict[str, Ref], **metrics: Any) -> str:
    """Record a completed job in SQL."""
    plain_refs = {name: ref.model_dump(mode="json", by_alias=True) for name, ref in media.items()}
    outputs: dict[str, dict[str, Any]] = {
        "script": {"narration": "Grüße from the deployment."},
        "speech": {"audio": plain_refs["audio"]},
        "final": {"video": plain_refs["video"]},
        "video": {"video": plain_refs["silent"]},  # produced last, but the remuxed video is the final one
    }
    store.create(job)
    store.apply(whole_run(job.id, outputs, **metrics))
    return job.id


def ask(settings: Settings, path: str, body: dict[str, Any] | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    return json.loads(_sent(settings, "GET" if data is None else "POST", path, data))


def _sent(settings: Settings, method: str, path: str, data: bytes | None = None) -> bytes:
    """MLflow's answer over its socket."""
    connection = connection_to(settings.mlflow_url, 30.0)
    try:
        prefix = urlsplit(settings.mlflow_url).path
        connection.request(method, prefix + path, data, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        said = answer.read()
        assert answer.status == 200, said
        return said
    finally:
        connection.close()


def runs(settings: Settings, experiment: str, filter_text: str = "") -> list[dict[str, Any]]:
    found = ask(settings, f"/api/2.0/mlflow/experiments/get-by-name?experiment_name={experiment.replace(' ', '%20')}")
    body = {"experiment_ids": [found["experiment"]["experiment_id"]], "filter": filter_text}
    return list(ask(settings, "/api/2.0/mlflow/runs/search", body).get("runs", []))


def values(run: dict[str, Any], kind: str) -> dict[str, Any]:
    return {item["key"]: item["value"] for item in run["data"].get(kind, [])}


def test_a_finished_job_becomes_one_complete_run(
    settings: Settings, store: JobStore, tracker: Tracker, media: dict[str, Ref], experiment: str
) -> None:
    params: dict[str, dict[str, Any]] = {"speech": {"speed": 1.25, "voice": "heart"}, "script": {"prompt": "x" * 9000}}
    job = record_run(store, make_job(params=params, experiment=experiment, seed=7), media, metrics={"score": 0.5})
    assert tracker.sync_due() == 1
    (run,) = runs(settings, experiment)
    assert run["info"]["status"] == "FINISHED"
    assert (run["info"]["start_time"], run["info"]["end_time"]) == (1_700_000_001_000, 1_700_000_020_000)
    logged = values(run, "params")
    assert (logged["speech.speed"], logged["speech.voice"], logged["seed"]) == ("1.25", "heart", "7")
    assert len(logged["script.prompt"]) == 6000 and logged["script.prompt"].endswith("…")
    metrics = values(run, "metrics")
    assert metrics["speech.score"] == 0.5
    assert metrics["speech.peak_memory_mib"] == 200
    assert metrics["total_seconds"] == 20
    assert metrics["compute_seconds"] == 6  # four nodes of 1.5 s
    assert metrics["waiting_seconds"] == pytest.approx(14)
    tags = values(run, "tags")
    assert tags["workbench.job"] == job
    assert tags["workbench.node.speech"] == "generate.hibari_tts 1.0.0"
    record = store.get(job)
    assert record is not None and record.mlflow_run_id == run["info"]["run_id"]
    assert tracker.sync_due() == 0


def test_the_run_holds_the_final_video_the_speech_the_script_and_the_graph(
    settings: Settings, store: JobStore, tracker: Tracker, media: dict[str, Ref], experiment: str
) -> None:
    for _ in range(2):  # the first is uploaded through MLflow, the second is copied within the store
        record_run(store, make_job(experiment=experiment), media)
    tracker.sync_due()
    assert tracker._artifacts.copies
    for run in runs(settings, experiment):
        run_id = run["info"]["run_id"]
        listed = ask(settings, f"/api/2.0/mlflow/artifacts/list?run_id={run_id}")["files"]
        assert sorted(file["path"] for file in listed) == ["final.mp4", "graph.json", "script.txt", "speech.wav"]
        assert _artifact(settings, run_id, "script.txt").decode() == "Grüße from the deployment."
        assert json.loads(_artifact(settings, run_id, "graph.json"))["schema"] == "langgraph.v1"
        assert len(_artifact(settings, run_id, "final.mp4")) == media["video"].size_bytes
        assert len(_artifact(settings, run_id, "speech.wav")) == media["audio"].size_bytes


def _artifact(settings: Settings, run_id: str, name: str) -> bytes:
    return _sent(settings, "GET", f"/get-artifact?run_uuid={run_id}&path={name}")


def test_the_trace_has_a_span_for_each_node_with_the_times_from_sql(
    settings: Settings, store: JobStore, tracker: Tracker, media: dict[str, Ref], experiment: str
) -> None:
    job = record_run(store, make_job(experiment=experiment), media)
    tracker.sync_due()
    record = store.get(job)
    assert record is not None
    tracker.sync(record)  # again: the spans are replaced, not added
    (run,) = runs(settings, experiment)
    body = {
        "locations": [
            {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": run["info"]["experiment_id"]}}
        ]
    }
    (trace,) = ask(settings, "/api/3.0/mlflow/traces/search", body)["traces"]
    assert trace["state"] == "OK"
    assert trace["execution_duration"] == "19s"
    found = ask(settings, f"/ajax-api/3.0/mlflow/get-trace-artifact?request_id={trace['trace_id']}")
    spans = {span["name"]: span for span in found["spans"]}
    assert len(found["spans"]) == 5
    assert int(spans["speech (generate.hibari_tts)"]["start_time_unix_nano"]) == 1_700_000_005_000_000_000


def test_two_runs_differ_only_in_the_changed_parameter(
    settings: Settings, store: JobStore, tracker: Tracker, media: dict[str, Ref], experiment: str
) -> None:
    for speed in (1.0, 1.5):
        params = {"speech": {"speed": speed, "voice": "heart"}}
        record_run(store, make_job(params=params, experiment=experiment), media)
    tracker.sync_due()
    first, second = (values(run, "params") for run in runs(settings, experiment))
    assert {key for key in first if first[key] != second[key]} == {"speech.speed"}


def test_a_run_costs_four_requests(
    settings: Settings, store: JobStore, tracker: Tracker, media: dict[str, Ref], experiment: str
) -> None:
    record_run(store, make_job(experiment=experiment), media)
    tracker.sync_due()  # looks up the experiment and the artifact location
    record_run(store, make_job(experiment=experiment), media)
    before = tracker.api.requests
    assert tracker.sync_due() == 1
    assert tracker.api.requests - before == 4


def test_a_job_tracked_while_it_runs_costs_five_requests(
    settings: Settings, store: JobStore, tracker: Tracker, media: dict[str, Ref], experiment: str
) -> None:
    record_run(store, make_job(experiment=experiment), media)
    tracker.sync_due()
    job = make_job(experiment=experiment)
    store.create(job)
    whole = whole_run(job.id, {"script": {"narration": "Hello."}})
    store.apply(whole[:2])
    before = tracker.api.requests
    assert tracker.sync_due() == 1
    assert tracker.api.requests - before == 2  # the run; its parameters
    assert tracker.sync_due() == 0
    store.apply(whole[2:])
    assert tracker.sync_due() == 1
    assert tracker.api.requests - before == 5  # metrics and tags; the trace; the status
    (run,) = runs(settings, experiment, f"tags.`{JOB_TAG}` = '{job.id}'")
    assert values(run, "tags")["workbench.status"] == "completed"
    assert tracker._artifact_uris == {}


def test_a_sweep_costs_two_requests_more_than_its_jobs(
    settings: Settings, store: JobStore, tracker: Tracker, media: dict[str, Ref], experiment: str
) -> None:
    record_run(store, make_job(experiment=experiment), media)
    tracker.sync_due()
    for _ in range(3):
        record_run(store, make_job(experiment=experiment, sweep=f"s {experiment}"), media)
    before = tracker.api.requests
    assert tracker.sync_due() == 3
    assert tracker.api.requests - before == 3 * 4 + 2


class Dies(BaseException):
    """The process crashes here."""


def dying(api: TrackingApi, at: str, after: bool) -> TrackingApi:
    """The same API, in a process that crashes before or after that request."""

    class Dying(TrackingApi):
        def _request(self, method: str, path: str, body: Any, headers: dict[str, str]) -> bytes:
            if at in path and not after:
                raise Dies
            answer = super()._request(method, path, body, headers)
            if at in path:
                raise Dies
            return answer

    return Dying(api.url)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", ["runs/create", "runs/log-batch", "/v1/traces", "artifacts/", "runs/update"])
def test_a_crash_at_any_request_leaves_one_run_in_the_end(
    settings: Settings, store: JobStore, media: dict[str, Ref], experiment: str, at: str, after: bool
) -> None:
    job = record_run(store, make_job(experiment=experiment), media)
    first = Tracker(dying(TrackingApi(settings.mlflow_url), at, after), store, Objects.connect(settings))
    with pytest.raises(Dies):
        first.sync_due()
    assert first.queue.backlog()["waiting"] == 1
    second = Tracker.connect(settings, store)
    assert second.sync_due() == 1
    (run,) = runs(settings, experiment)
    assert run["info"]["status"] == "FINISHED"
    assert len([point for point in run["data"]["metrics"] if point["key"] == "speech.seconds"]) == 1
    record = store.get(job)
    assert record is not None and record.mlflow_run_id == run["info"]["run_id"]


def test_failed_and_cancelled_jobs_have_different_statuses(
    settings: Settings, store: JobStore, tracker: Tracker, experiment: str
) -> None:
    broken, stopped = make_job(experiment=experiment), make_job(experiment=experiment)
    for job in (broken, stopped):
        store.create(job)
    store.apply([running(broken.id, 1, "script"), failed(broken.id, 2, "script")])
    store.apply([plain(broken.id, 3, EventType.JOB_FAILED, "script"), plain(stopped.id, 1, EventType.JOB_CANCELLED)])
    tracker.sync_due()
    status = {values(run, "tags")["workbench.job"]: run for run in runs(settings, experiment)}
    assert status[broken.id]["info"]["status"] == "FAILED"
    assert values(status[broken.id], "tags")["workbench.error"] == "node.failed: the face was lost"
    assert status[stopped.id]["info"]["status"] == "KILLED"


def test_a_long_job_has_a_run_while_it_runs(
    settings: Settings, store: JobStore, tracker: Tracker, media: dict[str, Ref], experiment: str
) -> None:
    job = make_job(experiment=experiment, params={"speech": {"speed": 2}})
    store.create(job)
    store.apply([running(job.id, 1, "script")])
    assert tracker.sync_due() == 1
    (run,) = runs(settings, experiment)
    assert run["info"]["status"] == "RUNNING"
    assert values(run, "params")["speech.speed"] == "2"
    assert tracker.sync_due() == 0
    store.apply([plain(job.id, 2, EventType.JOB_CANCELLED)])
    assert tracker.sync_due() == 1
    (run,) = runs(settings, experiment)
    assert run["info"]["status"] == "KILLED"


def measured(job: str, seq: int, steps: range, factor: float = 1.0) -> Event:
    """Points of the loss, a second apart."""
    points = [(step, factor / step, 1_700_000_001.5 + step) for step in steps]
    return plain(job, seq, EventType.NODE_SERIES, "script", points={"loss": points})


def history(settings: Settings, run_id: str) -> list[tuple[int, float, int]]:
    """Step, value and milliseconds of the points in MLflow's chart of the loss."""
    query = f"run_id={run_id}&metric_key=script.loss&max_results=5000"
    found = ask(settings, f"/api/2.0/mlflow/metrics/get-history?{query}").get("metrics", [])
    return sorted((int(point["step"]), float(point["value"]), int(point["timestamp"])) for point in found)


def test_the_steps_of_a_running_training_appear_in_mlflows_chart_once(
    settings: Settings, store: JobStore, tracker: Tracker, experiment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.store.tracking.SERIES_EVERY_S", 0.0)
    job = make_job(experiment=experiment)
    store.create(job)
    store.apply([running(job.id, 1, "script"), measured(job.id, 2, range(1, 4))])
    assert tracker.sync_due() == 1  # the run, with the points so far
    (run,) = runs(settings, experiment)
    run_id = run["info"]["run_id"]
    assert history(settings, run_id) == [(step, 1 / step, 1_700_000_001_500 + 1000 * step) for step in (1, 2, 3)]
    store.apply([measured(job.id, 3, range(4, 8))])
    assert tracker.feed_series() == 1
    requests = tracker.api.requests
    assert tracker.feed_series() == 0 and tracker.api.requests == requests, "nothing is new"
    assert Tracker.connect(settings, store).feed_series() == 1  # another process starts: it repeats nothing
    store.apply(
        [
            failed(job.id, 4, "script", retry=True),
            running(job.id, 5, "script"),
            measured(job.id, 6, range(6, 1200), factor=2.0),  # from a checkpoint, with other values
            plain(job.id, 7, EventType.JOB_CANCELLED),
        ]
    )
    assert tracker.sync_due() == 1
    found = history(settings, run_id)
    steps = [step for step, _, _ in found]
    assert len(steps) == len(set(steps)), "MLflow keeps the first value of a step"
    assert found[:7] == [(step, 1 / step, 1_700_000_001_500 + 1000 * step) for step in range(1, 8)]
    assert found[-1][:2] == (1199, 2 / 1199) and len(found) <= MOST_POINTS
    assert tracker.feed_series() == 0  # the job has ended


def test_a_training_goes_on_when_mlflow_refuses_its_steps(
    settings: Settings, store: JobStore, tracker: Tracker, experiment: str
) -> None:
    job = make_job(experiment=experiment)
    store.create(job)
    store.apply([running(job.id, 1, "script")])
    tracker.sync_due()
    (run,) = runs(settings, experiment)
    tracker.api.delete_run(run["info"]["run_id"])
    store.apply([measured(job.id, 2, range(1, 4))])
    assert tracker.feed_series() == 0
    record = store.get(job.id)
    assert record is not None and record.node("script").series["loss"][-1][0] == 3


def test_jobs_of_a_sweep_have_one_parent_run_that_ends_with_them(
    settings: Settings, store: JobStore, tracker: Tracker, media: dict[str, Ref], experiment: str
) -> None:
    for _ in range(3):
        record_run(store, make_job(experiment=experiment, sweep="speeds"), media)
    tracker.sync_due(limit=2)
    (parent,) = runs(settings, experiment, "attributes.run_name = 'sweep speeds'")
    assert parent["info"]["status"] == "RUNNING"
    tracker.sync_due()
    (parent,) = runs(settings, experiment, "attributes.run_name = 'sweep speeds'")
    assert parent["info"]["status"] == "FINISHED"
    below = runs(settings, experiment, f"tags.mlflow.parentRunId = '{parent['info']['run_id']}'")
    assert len(below) == 3


def test_bytes_lost_by_the_store_do_not_prevent_recording_the_run(
    settings: Settings, store: JobStore, tracker: Tracker, media: dict[str, Ref], experiment: str
) -> None:
    gone = media["video"].model_copy(update={"sha256": "0" * 64})
    record_run(store, make_job(experiment=experiment), {**media, "video": gone})
    assert tracker.sync_due() == 1
    (run,) = runs(settings, experiment)
    assert run["info"]["status"] == "FINISHED"


def test_a_run_deleted_by_a_person_stays_deleted(
    settings: Settings, store: JobStore, tracker: Tracker, experiment: str
) -> None:
    job = make_job(experiment=experiment)
    store.create(job)
    store.apply([running(job.id, 1, "script")])
    tracker.sync_due()
    (run,) = runs(settings, experiment)
    ask(settings, "/api/2.0/mlflow/runs/delete", {"run_id": run["info"]["run_id"]})
    store.apply([plain(job.id, 2, EventType.JOB_CANCELLED)])
    tracker.sync_due()
    assert runs(settings, experiment) == []
    assert tracker.queue.state(job.id) is TrackingState.DONE
    record = store.get(job.id)
    assert record is not None and record.tracking_error == "a person deleted its run in MLflow"


def experiment_call(settings: Settings, verb: str, experiment: str) -> None:
    """Do with an experiment what a person can do in MLflow's page."""
    found = TrackingApi(settings.mlflow_url).find_experiment(experiment)
    ask(settings, f"/api/2.0/mlflow/experiments/{verb}", {"experiment_id": found})


def test_an_experiment_deleted_by_a_person_is_restored_for_a_new_job(
    settings: Settings, store: JobStore, tracker: Tracker, media: dict[str, Ref], experiment: str
) -> None:
    kept = record_run(store, make_job(experiment=experiment), media)
    gone = record_run(store, make_job(experiment=experiment), media)
    tracker.sync_due()
    record = store.get(gone)
    assert record is not None and record.mlflow_run_id is not None
    tracker.api.delete_run(record.mlflow_run_id)
    with store.database.write() as connection:  # as a deletion in the workbench does
        connection.execute(delete(jobs).where(jobs.c.id == gone))
    experiment_call(settings, "delete", experiment)
    new = record_run(store, make_job(experiment=experiment), media)
    assert tracker.sync_due() == 1  # by a tracker that knows the experiment
    assert tracker.queue.state(new) is TrackingState.DONE
    recorded = {values(run, "tags")[JOB_TAG] for run in runs(settings, experiment)}
    assert recorded == {kept, new}, "the run of a job that was deleted here stays deleted"
    experiment_call(settings, "delete", experiment)
    other = record_run(store, make_job(experiment=experiment), media)
    assert Tracker.connect(settings, store).sync_due() == 1  # by a tracker that does not
    assert other in {values(run, "tags")[JOB_TAG] for run in runs(settings, experiment)}


def test_an_experiment_deleted_while_its_job_runs_is_restored(
    settings: Settings, store: JobStore, tracker: Tracker, experiment: str
) -> None:
    job = make_job(experiment=experiment)
    store.create(job)
    store.apply([running(job.id, 1, "script")])
    tracker.sync_due()
    experiment_call(settings, "delete", experiment)
    store.apply([plain(job.id, 2, EventType.JOB_CANCELLED)])
    assert tracker.sync_due() == 1
    (run,) = runs(settings, experiment)
    assert run["info"]["status"] == "KILLED"


def test_a_run_missing_in_mlflow_is_created_again(
    settings: Settings, store: JobStore, tracker: Tracker, media: dict[str, Ref], experiment: str
) -> None:
    job = record_run(store, make_job(experiment=experiment), media)
    tracker.queue.set_mlflow_run(job, "f" * 32)
    assert tracker.sync_due() == 1
    (run,) = runs(settings, experiment)
    record = store.get(job)
    assert record is not None and record.mlflow_run_id == run["info"]["run_id"]


def test_a_job_refused_by_mlflow_is_delayed_without_blocking_others(
    settings: Settings, store: JobStore, tracker: Tracker, media: dict[str, Ref], experiment: str
) -> None:
    refused = record_run(store, make_job(experiment="x" * 600), media)  # longer than MLflow accepts
    good = record_run(store, make_job(experiment=experiment), media)
    assert tracker.sync_due() == 2
    assert tracker.queue.state(good) is TrackingState.DONE
    assert tracker.queue.backlog() == {"waiting": 1, "refused": 1}
    assert tracker.sync_due() == 0  # not before its delay
    record = store.get(refused)
    assert record is not None and "MLflow rejected the record" in (record.tracking_error or ""), "the job says so"
    assert settings.mlflow_url not in (record.tracking_error or "")


def test_an_unreadable_job_does_not_block_the_others(
    settings: Settings, store: JobStore, tracker: Tracker, media: dict[str, Ref], experiment: str
) -> None:
    broken = record_run(store, make_job(experiment=experiment), media)
    good = record_run(store, make_job(experiment=experiment), media)
    with store.database.write() as connection:
        connection.execute(update(jobs).where(jobs.c.id == broken).values(graph=b"{"))
    assert tracker.sync_due() == 2
    assert tracker.queue.state(good) is TrackingState.DONE
    assert tracker.queue.backlog() == {"waiting": 1, "refused": 1}


def test_nothing_is_lost_while_mlflow_is_unreachable(
    settings: Settings, store: JobStore, media: dict[str, Ref], experiment: str
) -> None:
    job = record_run(store, make_job(experiment=experiment), media)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    away = Tracker.connect(settings.model_copy(update={"mlflow_url": f"http://127.0.0.1:{port}"}), store)
    with pytest.raises(TrackingUnavailable) as caught:
        away.sync_due()
    assert caught.value.code == "tracking.unreachable"
    assert away.queue.state(job) is TrackingState.NONE
    assert Tracker.connect(settings, store).sync_due() == 1


class Flaky(Tracker):
    """A tracker whose first two rounds fail, as with an unreachable server, and that signals when it is done."""

    rounds = 0
    done: Callable[[], None]

    def sync_due(self, limit: int = 20) -> int:
        self.rounds += 1
        if self.rounds == 1:
            raise TrackingUnavailable(self.api.url, "away")
        if self.rounds == 2:
            raise WorkbenchError("sql.unreachable", "away")
        recorded = super().sync_due(limit)
        self.done()
        return recorded


def test_the_loop_continues_after_errors(
    settings: Settings, store: JobStore, media: dict[str, Ref], experiment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.store.tracking.PAUSES", Backoff(first_s=0.01, longest_s=1.0))
    job = record_run(store, make_job(experiment=experiment), media)
    stop = threading.Event()
    tracker = Flaky(TrackingApi(settings.mlflow_url), store, Objects.connect(settings))
    tracker.done = stop.set
    keep_tracking(tracker, stop)
    assert tracker.rounds == 3
    assert tracker.queue.state(job) is TrackingState.DONE


@pytest.mark.slow  # a second MLflow server
def test_files_are_uploaded_to_an_mlflow_with_other_artifact_storage(
    settings: Settings, store: JobStore, mlflow_url: str, media: dict[str, Ref], experiment: str
) -> None:
    """This server keeps its artifacts in its own folder."""
    elsewhere = settings.model_copy(update={"mlflow_url": mlflow_url})
    record_run(store, make_job(experiment=experiment), media)
    tracker = Tracker.connect(elsewhere, store)
    assert tracker.sync_due() == 1
    assert not tracker._artifacts.copies
    (run,) = runs(elsewhere, experiment, f"tags.`{JOB_TAG}` != ''")
    assert len(_artifact(elsewhere, run["info"]["run_id"], "final.mp4")) == media["video"].size_bytes


def test_the_link_to_a_run_contains_no_password() -> None:
    assert run_url("http://ada:secret@host:5000/", "abc") == "http://host:5000/#/runs/abc?workflowType=machine_learning"
