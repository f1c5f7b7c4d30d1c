"""The list of runs over HTTP: a page of jobs out of a thousand, by each kind of filter.

    python -m benchmarks.run_filters [jobs]

A SQLite file with a thousand finished jobs of six nodes and their parameters, and the app's HTTP API on loopback; no
bus and no workers, which a list does not ask. Each filter is asked a hundred times over one kept-alive connection, in
turn with the others. p50 and p95 of the whole request, as a client sees it.
"""

from __future__ import annotations

import random
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx
import uvicorn

from benchmarks.measure import machine, percentile, told
from tests.app.named import Named
from tests.store.samples import fake_ref, make_job, whole_run
from workbench.app.server import create_app
from workbench.client.deployment import Deployment
from workbench.settings import Settings
from workbench.store.jobs import JobStore

ROUNDS = 100
GOAL_MS = 200.0
NODES = [
    ("script", "llm.generate_script", "control"),
    ("speech", "generate.hibari_tts", "data"),
    ("upscale", "generate.upscale_image", "data"),
    ("animate", "generate.portrait_animation", "data"),
    ("remux", "generate.remux", "data"),
    ("evaluate", "evaluate.basic", "data"),
]
WORDS = (
    "the",
    "sky",
    "is",
    "blue",
    "because",
    "light",
    "of",
    "short",
    "waves",
    "scattered most",
    "by",
    "what",
    "air",
    "made",
)
FILTERS: dict[str, dict[str, str]] = {
    "no filter, 20": {},
    "no filter, 100 from the 800th on": {"limit": "100", "offset": "800"},
    "status": {"status": "completed"},
    "pipeline and experiment": {"pipeline": "talking_head", "experiment": "e3"},
    "parameter": {"parameter": "animate.sway>=1.5"},
    "parameter, as text": {"parameter": "voice=v3"},
    "text in scripts": {"text": "scattered most"},
    "text that is nowhere": {"text": "nowhere at all"},
    "all at once": {
        "status": "completed", "experiment": "e3", "parameter": "sway<1", "text": "blue", "since": "1700000000"
    },
}  # fmt: skip


def fill(store: JobStore, count: int) -> None:
    """Finished jobs with parameters by chance and files of their own."""
    chance = random.Random(0)
    for index in range(count):
        params = {
            "script": {"script": " ".join(chance.choices(WORDS, k=60)), "prompt": ""},
            "speech": {"speed": round(chance.uniform(0.5, 2), 2), "voice": f"v{index % 7}", "pause_s": 0.2},
            "upscale": {"scale": 2, "max_side": 2048, "tile": 0},
            "animate": {"sway": round(chance.uniform(0, 2), 2), "size": 512, "fps": 25, "expression": 0.5},
            "remux": {"crf": 18, "audio_bitrate_kbps": 128, "title": ""},
            "evaluate": {"samples": 5},
        }
        at = 1_700_000_000.0 + 60 * index
        job = make_job(
            f"job-{index}",
            params,
            NODES,
            pipeline="talking_head",
            experiment=f"e{index % 10}",
            created_at=at,
            seed=index,
        )
        store.create(job)
        outputs = {node: {"video": fake_ref(f"{index} {node}").model_dump(mode="json")} for node, *_ in NODES}
        store.apply(whole_run(job.id, outputs))


def main(count: int = 1000) -> None:
    """Print a line for each filter, and whether the slowest of them reaches the goal."""
    print(machine())
    with tempfile.TemporaryDirectory(prefix="bench-filters-") as name:
        settings = Settings(
            home=Path(name),
            bus_url="redis://127.0.0.1:1",
            s3_url="http://127.0.0.1:1",
            sql_url=f"sqlite:///{name}/jobs.db",
        )
        deployment = Deployment(settings)
        fill(deployment.store, count)
        app = Named(create_app(deployment, pages=False))
        server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", access_log=False))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.02)
        port = server.servers[0].sockets[0].getsockname()[1]
        taken: dict[str, list[float]] = {what: [] for what in FILTERS}
        totals = {}
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            for _ in range(ROUNDS + 3):
                for what, query in FILTERS.items():
                    began = time.perf_counter()
                    answer = client.get("/api/jobs", params=query)
                    taken[what].append((time.perf_counter() - began) * 1e3)
                    totals[what] = answer.raise_for_status().json()["pagination"]["total"]
        for what, values in taken.items():
            warm = values[3:]
            print(
                f"{what:34} {totals[what]:5} jobs   "
                f"p50 {percentile(warm, 0.5):6.1f} ms   p95 {percentile(warm, 0.95):6.1f} ms"
            )
        worst = max(percentile(values[3:], 0.95) for values in taken.values())
        print(f"slowest p95 {worst:.1f} ms, goal {GOAL_MS:.0f} ms: {told(worst < GOAL_MS)}")
        server.should_exit = True
        thread.join(10)


if __name__ == "__main__":
    main(*(int(given) for given in sys.argv[1:]))
