"""The list of runs as a table of an experiment: filters, orders and columns over ten thousand jobs.

    python -m benchmarks.runs_list [jobs] [--no-page] [--no-mlflow]

A SQLite file with ten thousand finished jobs of six nodes, sixteen parameters and nine metrics each, written in
bulk, and the app's HTTP API on loopback. Each query is asked forty times over one connection, in turn with the
others; p50 and p95 of the whole request. Beside it MLflow's ``search_runs`` on a SQLite file with the same runs,
parameters and metrics, called in this process, without HTTP. Then the page in Chromium: the longest task, by
``PerformanceObserver``, while it is opened, filtered, sorted, given columns, and while all runs are selected.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from sqlalchemy import insert

from benchmarks.measure import machine, percentile, told
from benchmarks.run_filters import NODES, WORDS
from tests.app.named import Named
from tests.store.samples import fake_ref, make_job
from workbench.app.server import create_app
from workbench.client.deployment import Deployment
from workbench.settings import Settings
from workbench.store import tables
from workbench.store.database import Database
from workbench.store.job_metrics import metric_rows
from workbench.store.job_rows import new_job_rows

ROUNDS = 40
GOAL_MS = 300.0
TASK_GOAL_MS = 100.0
AT = 1_700_000_000.0
COLUMNS = ["metric:evaluate.wer", "metric:evaluate.identity", "param:animate.sway", "param:speech.voice"]
QUERIES: dict[str, dict[str, Any]] = {
    "newest": {},
    "newest, page 200": {"offset": 5970},
    "metric<=0.1": {"metric": "evaluate.wer<=0.1"},
    "two metrics and a parameter": {
        "metric": ["evaluate.wer<=0.3", "evaluate.identity>=0.5"], "parameter": "animate.sway>=1"
    },
    "sorted by a metric": {"sort": "metric:evaluate.wer"},
    "sorted by a parameter": {"sort": "-param:animate.sway"},
    "sorted by a text parameter": {"sort": "param:speech.voice"},
    "sorted by seconds": {"sort": "-seconds"},
    "sorted by rating": {"sort": "-rating"},
    "starred, rating>=3": {"starred": "true", "rating": 3},
    "tag": {"tag": "t3"},
    "sweep, sorted by a metric": {"sweep": "s7", "sort": "-metric:evaluate.wer", "column": COLUMNS},
    "experiment, status, metric, sorted, columns": {
        "experiment": "e3", "status": "completed", "metric": "evaluate.wer<=0.4", "sort": "-metric:evaluate.identity",
        "column": COLUMNS,
    },
    "text, sorted by a metric": {"text": "scattered most", "sort": "metric:evaluate.wer"},
}  # fmt: skip
MLFLOW: dict[str, tuple[str, list[str]]] = {
    "newest": ("", []),
    "metric<=0.1": ("metrics.`evaluate.wer` <= 0.1", []),
    "two metrics and a parameter": (
        "metrics.`evaluate.wer` <= 0.3 and metrics.`evaluate.identity` >= 0.5 and params.`animate.sway` = '1.5'", []
    ),
    "sorted by a metric": ("", ["metrics.`evaluate.wer` ASC"]),
    "sorted by a parameter": ("", ["params.`animate.sway` DESC"]),
}  # fmt: skip


def made(chance: random.Random, index: int) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, float]]]:
    """The parameters and metrics of a job, by node."""
    sway = round(chance.uniform(0, 2), 2)
    params = {
        "script": {"script": " ".join(chance.choices(WORDS, k=60)), "prompt": ""},
        "speech": {"speed": round(chance.uniform(0.5, 2), 2), "voice": f"v{index % 7}", "pause_s": 0.2},
        "upscale": {"scale": 2, "max_side": 2048, "tile": 0},
        "animate": {"sway": sway, "size": 512, "fps": 25, "expression": 0.5},
        "remux": {"crf": 18, "audio_bitrate_kbps": 128, "title": ""},
        "evaluate": {"samples": 5},
    }
    metrics = {
        "speech": {"seconds_of_speech": round(chance.uniform(5, 30), 3), "words": float(chance.randint(20, 90))},
        "animate": {"frames": float(chance.randint(100, 800)), "fps": round(chance.uniform(40, 90), 2)},
        "evaluate": {
            "wer": round(chance.random() ** 2, 4), "identity": round(chance.random(), 4),
            "lip_sync": round(chance.gauss(5, 2), 3), "sharpness": round(chance.gauss(90, 20), 2), "blinks": 12.0,
        },
    }  # fmt: skip
    if index % 10 == 0:
        del metrics["evaluate"]  # left out of the graph, or failed
    return params, metrics


def fill(database: Database, count: int) -> float:
    """Write finished jobs in bulk, by the same functions that make the rows of one. Returns the seconds it took."""
    chance, began = random.Random(0), time.perf_counter()
    rows: dict[str, list[dict[str, Any]]] = {}
    for index in range(count):
        params, metrics = made(chance, index)
        at = AT + 60 * index
        job = make_job(
            f"{index:08d}-job", params, NODES, pipeline="talking_head", experiment=f"e{index % 10}", created_at=at,
            seed=index, sweep=f"s{index // 300}" if index % 2 else None,
        )  # fmt: skip
        own = new_job_rows(job, now=at)
        own.job.update(status="completed" if index % 10 else "failed", progress=1.0, started_at=at + 1)
        own.job.update(finished_at=at + chance.uniform(5, 60), tags=[f"t{index % 20}"] if index % 3 else [])
        for node in own.nodes:
            ref = fake_ref(f"{index} {node['node']}").model_dump(mode="json", by_alias=True)
            node.update(status="completed", output={"video": ref}, metrics=metrics.get(node["node"], {}))
            node.update(seconds=1.5, started_at=at + 1 + node["position"], finished_at=at + 2.5 + node["position"])
            own.metrics.extend(metric_rows(job.id, node["node"], node["metrics"]))
        last = fake_ref(f"{index} remux")
        mark = {"job": job.id, "starred": index % 11 == 0, "rating": index % 5 + 1, "author": "ada", "changed_at": at}
        artifact = {
            "sha256": last.sha256, "kind": "video", "media_type": "video/mp4", "size_bytes": 7, "facts": {},
            "created_at": at,
        }  # fmt: skip
        grant = {"job": job.id, "node": "remux", "role": "output", "name": "video", "sha256": last.sha256}
        event = {"job": job.id, "epoch": 1, "seq": 1, "type": "job.accepted", "node": "", "data": {}, "at": at}
        for table, more in (
            ("jobs", [own.job]), ("node_results", own.nodes), ("job_params", own.params), ("events", [event]),
            ("job_metrics", own.metrics), ("artifacts", [artifact]), ("job_artifacts", [grant]),
            ("job_marks", [mark] if index % 4 == 0 else []),
        ):  # fmt: skip
            rows.setdefault(table, []).extend(more)
    with database.write() as connection:
        for table, more in rows.items():
            connection.execute(insert(tables.metadata.tables[table]), more)
    return time.perf_counter() - began


@contextmanager
def served(deployment: Deployment, *, pages: bool) -> Iterator[str]:
    """The app on loopback; its address."""
    app = Named(create_app(deployment, pages=pages))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", access_log=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


def measured(asks: dict[str, Callable[[], int]], rounds: int = ROUNDS) -> float:
    """Print p50 and p95 of each, in turn with the others. Returns the slowest p95 in milliseconds."""
    taken: dict[str, list[float]] = {what: [] for what in asks}
    found = {}
    for _ in range(rounds + 2):
        for what, ask in asks.items():
            began = time.perf_counter()
            found[what] = ask()
            taken[what].append((time.perf_counter() - began) * 1e3)
    for what, values in taken.items():
        p50, p95 = (percentile(values[2:], share) for share in (0.5, 0.95))
        print(f"  {what:46} {found[what]:6} runs   p50 {p50:7.1f} ms   p95 {p95:7.1f} ms", flush=True)
    return max(percentile(values[2:], 0.95) for values in taken.values())


def list_queries(url: str) -> float:
    with httpx.Client(base_url=url, timeout=60) as client:

        def asking(path: str, query: dict[str, Any], total: Callable[[Any], int]) -> Callable[[], int]:
            return lambda: total(client.get(path, params=query).raise_for_status().json())

        lists = {
            what: asking("/api/jobs", {"limit": 30, **query}, lambda answer: answer["pagination"]["total"])
            for what, query in QUERIES.items()
        }
        slowest = measured(lists)
        print("  for the popover and for actions on all, at most once a click:")
        measured(
            {
                "known columns of all": asking("/api/columns", {}, lambda answer: len(answer["columns"])),
                "known columns of a sweep": asking("/api/columns", {"sweep": "s7"}, lambda one: len(one["columns"])),
                "ids of all": asking("/api/job-ids", {"sort": COLUMNS[0]}, lambda answer: answer["total"]),
            },
            5,
        )
        return slowest


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("jobs", nargs="?", type=int, default=10_000)
    asked.add_argument("--no-page", action="store_true")
    asked.add_argument("--no-mlflow", action="store_true")
    given = asked.parse_args()
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory(prefix="bench-runs-") as name:
        settings = Settings(
            home=Path(name),
            bus_url="redis://127.0.0.1:1",
            s3_url="http://127.0.0.1:1",
            sql_url=f"sqlite:///{name}/jobs.db",
        )
        deployment = Deployment(settings)
        seconds = fill(deployment.store.database, given.jobs)
        size = (Path(name) / "jobs.db").stat().st_size
        print(f"{given.jobs} jobs written in {seconds:.1f} s, {size / 1e6:.0f} MB")
        with served(deployment, pages=not given.no_page) as url:
            print("GET /api/jobs")
            slowest = list_queries(url)
            print(f"slowest p95 {slowest:.1f} ms, goal {GOAL_MS:.0f} ms: {told(slowest < GOAL_MS)}", flush=True)
            if not given.no_page:
                from benchmarks.runs_list_page import longest_tasks

                longest = longest_tasks(url)
                print(f"longest task {longest:.0f} ms, goal {TASK_GOAL_MS:.0f} ms: {told(longest < TASK_GOAL_MS)}")
        if not given.no_mlflow:
            from benchmarks.runs_list_mlflow import mlflow_queries

            print("MLflow's search_runs, 30 runs a page, without HTTP", flush=True)
            measured(mlflow_queries(Path(name), given.jobs, MLFLOW), 10)


if __name__ == "__main__":
    main()
