"""Recording a job in MLflow: the tracker, against naive logging by the ``mlflow`` package.

    python -m benchmarks.tracking [count]

Both record the same job of four nodes with its parameters, figures, tags and files, in turn, on one MLflow server that
keeps its artifacts in the deployment's object store. Naive is what a script does: ``start_run``, then ``log_param``,
``log_metric``, ``set_tag`` and ``log_artifact`` for each. It sends no trace; the tracker does.
Goals: at most four requests a job, one more for 10 s of running; five times faster than naive.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests
import structlog

import mlflow
from benchmarks.measure import interval, machine, pairs, ratio_interval, told
from schemas.event import Event
from schemas.job import JobRecord
from tests.faults.proxy import Proxy
from tests.stack.servers import running_servers
from tests.store.media import write_clip, write_tone
from tests.store.samples import make_job, make_ref, whole_run
from workbench.settings import Settings
from workbench.store import run_contents
from workbench.store.jobs import JobStore
from workbench.store.objects import Objects
from workbench.store.run_name import run_name
from workbench.store.tracking import Tracker

GOAL_REQUESTS, GOAL_LONG, GOAL_RATIO = 4, 6, 5.0  # a job that is tracked while it runs has run for 20 s
EXPERIMENT = "benchmark"
PARAMS: dict[str, dict[str, Any]] = {
    "script": {"topic": "the sea", "seconds": 6},
    "speech": {"speed": 1.0, "voice": "heart"},
    "video": {"fps": 25, "width": 512, "sway": 0.2},
}


class Naive:
    """The job as a script would log it. Counts its requests."""

    def __init__(self, url: str, files: list[Path]) -> None:
        self.requests = 0
        self._files = files
        send = requests.Session.send

        def counted(*args: Any, **options: Any) -> requests.Response:
            self.requests += 1
            return send(*args, **options)

        requests.Session.send = counted  # type: ignore[method-assign]
        mlflow.set_tracking_uri(url)
        mlflow.set_experiment(EXPERIMENT)

    def log(self, job: JobRecord) -> None:
        with mlflow.start_run(run_name=run_name(job)):
            for name, value in run_contents.parameters(job).items():
                mlflow.log_param(name, value)
            for metric in run_contents.metrics(job):
                mlflow.log_metric(metric["key"], metric["value"])
            for name, value in run_contents.tags(job).items():
                mlflow.set_tag(name, value)
            for path in self._files:
                mlflow.log_artifact(str(path))


class Deployment:
    """Jobs that ran, in SQL and the object store, and the same files in a folder."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.store = JobStore.open(settings)
        self.tracker = Tracker.connect(settings, self.store)
        video = make_ref(write_clip(folder / "final.mp4"), "video")
        audio = make_ref(write_tone(folder / "speech.wav"), "audio")
        objects = Objects.connect(settings)
        objects.put(folder / "final.mp4", video)
        objects.put(folder / "speech.wav", audio)
        self.outputs = {
            "script": {"narration": "Hello."},
            "speech": {"audio": audio.model_dump(mode="json", by_alias=True)},
            "video": {"frames": 150},
            "final": {"video": video.model_dump(mode="json", by_alias=True)},
        }
        (folder / "script.txt").write_text("Hello.")
        (folder / "graph.json").write_bytes(make_job(params=PARAMS).graph.to_json())
        self.files = [folder / name for name in ("final.mp4", "speech.wav", "script.txt", "graph.json")]

    def job(self, **fields: Any) -> tuple[str, list[Event]]:
        """A job that was accepted, and the events of its run."""
        job = make_job(params=PARAMS, experiment=EXPERIMENT, **fields)
        self.store.create(job)
        return job.id, whole_run(job.id, self.outputs, metrics={"score": 0.5})

    def finished(self, **fields: Any) -> JobRecord:
        job, events = self.job(**fields)
        self.store.apply(events)
        record = self.store.get(job)
        assert record is not None
        return record

    def requests_of(self, record: Callable[[], object]) -> int:
        before = self.tracker.api.requests
        record()
        return self.tracker.api.requests - before

    def short_job(self) -> int:
        job = self.finished()
        return self.requests_of(lambda: self.tracker.sync(job))

    def long_job(self) -> int:
        """Tracked after 20 s of running and when it is final."""
        _, events = self.job()
        self.store.apply(events[:2])
        live = self.requests_of(self.tracker.sync_due)
        self.store.apply(events[2:])
        return live + self.requests_of(self.tracker.sync_due)

    def sweep(self, jobs: int) -> int:
        for _ in range(jobs):
            self.finished(sweep="sizes")
        return self.requests_of(self.tracker.sync_due)


def seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def main(count: int = 15) -> None:
    print(machine())
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    os.environ |= {"MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false", "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true"}
    with tempfile.TemporaryDirectory(prefix="bench-tracking-") as name:
        folder = Path(name)
        with (
            running_servers(folder / "home", only=("objects", "mlflow")) as servers,
            Proxy(servers.mlflow_url) as door,  # the package knows no Unix socket; both go through the same port
        ):
            asked = {"sql_url": f"sqlite:///{folder}/jobs.db", "mlflow_url": door.url}
            deployment = Deployment(servers.model_copy(update=asked), folder)
            naive = Naive(door.url, deployment.files)
            deployment.tracker.sync(deployment.finished())  # finds the experiment and where artifacts lie
            naive.log(deployment.finished())
            deployment.tracker.sync_due(1000)

            short, long, swept = deployment.short_job(), deployment.long_job(), deployment.sweep(4)
            print(f"requests       a short job {short}  goal {GOAL_REQUESTS} {told(short <= GOAL_REQUESTS)}")
            print(f"requests       a job tracked while it runs {long}  goal {GOAL_LONG} {told(long <= GOAL_LONG)}")
            print(f"requests       a sweep of 4 jobs {swept}: its own run costs {swept - 4 * short}")

            records = iter([deployment.finished() for _ in range(2 * count)])
            before = naive.requests
            ours, theirs = pairs(
                count,
                lambda: seconds(lambda: deployment.tracker.sync(next(records))),
                lambda: seconds(lambda: naive.log(next(records))),
            )
            print(f"requests       naive {(naive.requests - before) / count:.0f}")
            for what, taken in (("tracker", ours), ("naive", theirs)):
                low, middle, high = (1e3 * value for value in interval(taken))
                print(f"{what:14} {middle:.0f} ms [{low:.0f}, {high:.0f}] a job ({count} times)")
            low, middle, high = ratio_interval(theirs, ours)
            ratio = f"{middle:.1f} [{low:.1f}, {high:.1f}]"
            print(f"naive / tracker {ratio}  goal {GOAL_RATIO:.0f} {told(middle >= GOAL_RATIO)}")
            deployment.store.close()


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
