"""What the stores cost: artifacts in and out, jobs accepted, batches of events recorded, runs tracked.

    python -m benchmarks.store

It starts its own servers in a temporary folder, or uses those that WORKBENCH_S3_URL and WORKBENCH_MLFLOW_URL name.
Medians over the rounds; the machine is whatever it runs on, so read ratios rather than milliseconds.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from schemas.refs import FileRef
from tests.stack.servers import running_servers
from tests.store.media import write_clip, write_tone
from tests.store.samples import make_job, make_ref, whole_run
from workbench.settings import Settings, load_settings
from workbench.store.jobs import JobStore
from workbench.store.objects import Objects
from workbench.store.tracking import Tracker

ROUNDS = 10


def median_ms(calls: list[Callable[[], object]]) -> float:
    """Median wall time of the calls, in milliseconds."""
    taken = []
    for call in calls:
        began = time.perf_counter()
        call()
        taken.append((time.perf_counter() - began) * 1e3)
    return statistics.median(taken)


def objects_costs(settings: Settings, folder: Path) -> None:
    """Put, put again and get, by size."""
    objects = Objects.connect(settings)
    for size, rounds in ((1_000, ROUNDS), (300_000, ROUNDS), (3_000_000, ROUNDS), (60_000_000, 2)):
        files = []
        for index in range(rounds):
            path = folder / f"{size}-{index}"
            path.write_bytes(os.urandom(size))
            files.append((path, FileRef(sha256=hashlib.sha256(path.read_bytes()).hexdigest(), size_bytes=size)))
        put = median_ms([lambda f=f: objects.put(*f) for f in files])
        again = median_ms([lambda f=f: objects.put(*f) for f in files])
        get = median_ms([lambda f=f: objects.get(f[1], folder / "got" / f[1].sha256) for f in files])
        print(f"{size / 1000:10,.0f} kB   put {put:7.1f} ms   put again {again:6.1f} ms   get {get:6.1f} ms")


def sql_costs(settings: Settings) -> None:
    """Accepting a job, recording 500 events of 50 jobs, reading one back."""
    store = JobStore.open(settings)
    ref = FileRef(sha256="0" * 64).model_dump(mode="json", by_alias=True)
    outputs = {node: {"file": ref} for node in ("script", "speech", "video", "final")}
    create, apply, again = [], [], []
    for _ in range(ROUNDS):
        jobs = [make_job() for _ in range(50)]
        create.append(median_ms([lambda job=job: store.create(job) for job in jobs]))
        batch = [event for job in jobs for event in whole_run(job.id, outputs)]
        apply.append(median_ms([lambda batch=batch: store.apply(batch)]))
        again.append(median_ms([lambda batch=batch: store.apply(batch)]))
    get = median_ms([lambda: store.get(jobs[0].id)] * ROUNDS)
    print(f"accept a job {statistics.median(create):.1f} ms   get {get:.1f} ms")
    print(f"apply 500 events of 50 jobs {statistics.median(apply):.1f} ms   again {statistics.median(again):.1f} ms")
    store.close()


def tracking_costs(settings: Settings, folder: Path) -> None:
    """One job with four nodes, a video, a sound and a script, into MLflow."""
    store = JobStore.open(settings)
    objects = Objects.connect(settings)
    tracker = Tracker.connect(settings, store)
    video = make_ref(write_clip(folder / "clip.mp4"), "video")
    audio = make_ref(write_tone(folder / "tone.wav"), "audio")
    objects.put(folder / "clip.mp4", video)
    objects.put(folder / "tone.wav", audio)
    outputs = {
        "script": {"narration": "Hello."},
        "speech": {"audio": audio.model_dump(mode="json", by_alias=True)},
        "final": {"video": video.model_dump(mode="json", by_alias=True)},
    }
    records = []
    for _ in range(ROUNDS + 1):
        job = make_job(params={"speech": {"speed": 1.0}})
        store.create(job)
        store.apply(whole_run(job.id, outputs))
        record = store.get(job.id)
        assert record is not None
        records.append(record)
    tracker.sync(records[0])  # finds the experiment and where artifacts lie
    before = tracker.api.requests
    took = median_ms([lambda record=record: tracker.sync(record) for record in records[1:]])
    print(f"track a job {took:.0f} ms, {(tracker.api.requests - before) / ROUNDS:.1f} requests to MLflow")
    store.close()


def main() -> None:
    """Start the servers and print the figures."""
    with tempfile.TemporaryDirectory(prefix="bench-store-") as name:
        folder = Path(name)
        named = load_settings(home=folder / "home")
        own = running_servers(folder / "home", only=("objects", "mlflow"))
        with contextlib.nullcontext(named) if named.s3_url and named.mlflow_url else own as servers:
            settings = servers.model_copy(update={"sql_url": f"sqlite:///{folder}/jobs.db"})
            objects_costs(settings, folder)
            sql_costs(settings)
            tracking_costs(settings, folder)
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
