"""What the stores cost: artifacts in and out, jobs accepted, batches of events recorded, runs tracked.

    python -m benchmarks.store [sql]

It starts its own servers in a temporary folder, or uses those that WORKBENCH_S3_URL and WORKBENCH_MLFLOW_URL name; with
``sql`` it needs none and measures SQL alone, in SQLite or in the empty database that WORKBENCH_SQL_URL names.
Medians over the rounds; the machine is whatever it runs on, so read ratios rather than milliseconds. CPU is that of the
calling thread. Cold: 10 ms pass between two calls, as in an idle deployment, and the code has left the caches.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from benchmarks.measure import machine
from schemas.event import Event, EventType
from schemas.refs import FileRef
from tests.stack.servers import running_servers
from tests.store.media import write_clip, write_tone
from tests.store.samples import fake_ref, make_job, make_ref, whole_run
from workbench.settings import Settings, load_settings
from workbench.store.jobs import JobStore
from workbench.store.objects import Objects
from workbench.store.tracking import Tracker

ROUNDS = 10
COLD_S = 0.01
CHAIN = [("plan", "generate.plan", "control"), ("speak", "generate.speak", "data"), ("end", "generate.end", "control")]


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


def told_costs(what: str, calls: Sequence[Callable[[], object]], pause_s: float = 0.0) -> None:
    """Print the medians of wall and CPU time of the calls."""
    wall, cpu = [], []
    for call in calls:
        time.sleep(pause_s)
        began, cpu_began = time.perf_counter(), time.thread_time()
        call()
        cpu.append((time.thread_time() - cpu_began) * 1e3)
        wall.append((time.perf_counter() - began) * 1e3)
    print(f"{what:36} wall {statistics.median(wall):7.3f} ms   CPU {statistics.median(cpu):7.3f} ms", flush=True)


def chain_run(job: str) -> list[Event]:
    """Eight events of a chain of three nodes; every result is its own."""
    events = []
    for event in whole_run(job, {node: {"file": fake_ref(job + node, "file").model_dump()} for node, *_ in CHAIN}):
        key = {"contentKey": hashlib.sha256(f"{job} {event.node}".encode()).hexdigest()}
        computed = event.type is EventType.NODE_COMPLETED
        events.append(event.model_copy(update={"data": event.data | key}) if computed else event)
    return events


def sql_costs(settings: Settings) -> None:
    """Accepting jobs that are chains of three nodes, reading them back, recording their events."""
    store = JobStore.open(settings)
    jobs = [make_job(nodes=CHAIN) for _ in range(8 * 60 + 120)]
    for job in jobs[:20]:
        store.create(job)  # the first calls fill caches
    told_costs("accept a job", [partial(store.create, job) for job in jobs[20:120]])
    told_costs("accept a job, cold", [partial(store.create, job) for job in jobs[120:220]], COLD_S)
    told_costs("get a job", [partial(store.get, job.id) for job in jobs[:100]])
    told_costs("get a job, cold", [partial(store.get, job.id) for job in jobs[:100]], COLD_S)
    told_costs("look for one result", [lambda: store.computed(["a" * 64])] * 100)
    told_costs("look for one result, cold", [lambda: store.computed(["a" * 64])] * 100, COLD_S)
    told_costs("measured, of no results", [lambda: store.measured([])] * 100)
    runs = {job.id: chain_run(job.id) for job in jobs}
    told_costs("apply 8 events of a job", [partial(store.apply, runs[job.id]) for job in jobs[:60]])
    told_costs("apply 8 events of a job, cold", [partial(store.apply, runs[job.id]) for job in jobs[60:120]], COLD_S)
    for job in jobs[220:]:
        store.create(job)
    batches = []
    for first in range(120, len(jobs), 60):
        batches.append([event for job in jobs[first : first + 60] for event in runs[job.id]])
    told_costs("apply 480 events of 60 jobs", [partial(store.apply, batch) for batch in batches])
    told_costs("apply them again", [partial(store.apply, batch) for batch in batches])
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


def main(only: str = "") -> None:
    """Start the servers and print the figures."""
    print(machine())
    with tempfile.TemporaryDirectory(prefix="bench-store-") as name:
        folder = Path(name)
        named = load_settings(home=folder / "home")
        sqlite = {"sql_url": f"sqlite:///{folder}/jobs.db"}
        if only == "sql":
            sql_costs(named if named.sql_url else named.model_copy(update=sqlite))
            return
        own = running_servers(folder / "home", only=("objects", "mlflow"))
        with contextlib.nullcontext(named) if named.s3_url and named.mlflow_url else own as servers:
            settings = servers.model_copy(update=sqlite)
            objects_costs(settings, folder)
            sql_costs(settings)
            tracking_costs(settings, folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
