"""Liveness, readiness and metrics of the deployment."""

from __future__ import annotations

import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.app.live.conftest import App, Watcher
from tests.live import Diary, LiveDeployment, free_port, wait_for

pytestmark = pytest.mark.stack

Sample = tuple[str, frozenset[tuple[str, str]]]


def scraped_metrics(url: str) -> dict[Sample, float]:
    answer = httpx.get(f"{url}/metrics", timeout=10)
    assert answer.status_code == 200, answer.text
    families = text_string_to_metric_families(answer.text)
    return {(one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples}


def sample(name: str, **labels: str) -> Sample:
    return name, frozenset(labels.items())


def states(app: App) -> tuple[int, bool, dict[str, str]]:
    answer = httpx.get(f"{app.url}/ready", timeout=20)
    body: dict[str, Any] = answer.json()
    parts = {part["name"]: part["state"] for part in body["parts"]}
    return answer.status_code, body["ready"], parts


def test_a_deployment_is_ready_without_mlflow(app: App) -> None:
    assert httpx.get(f"{app.url}/health").json() == {"status": "ok"}
    status, ready, parts = states(app)
    assert (status, ready) == (200, True)
    assert parts == {"bus": "external", "objects": "external", "sql": "external", "mlflow": "off"}


def test_a_hanging_bus_makes_it_unready_and_removes_its_metrics(live: LiveDeployment, app: App) -> None:
    assert live.bus_process is not None
    live.bus_process.send_signal(signal.SIGSTOP)
    try:
        status, ready, parts = states(app)
        assert (status, ready, parts["bus"], parts["sql"]) == (503, False, "down", "external")
        assert httpx.get(f"{app.url}/health").is_success
        seen = scraped_metrics(app.url)
        assert (seen[sample("workbench_up", part="bus")], seen[sample("workbench_up", part="sql")]) == (0, 1)
        assert not any(name == "workbench_queue_depth" for name, _ in seen)
    finally:
        live.bus_process.send_signal(signal.SIGCONT)
    wait_for(lambda: states(app)[1], what="it is ready again")
    wait_for(
        lambda: scraped_metrics(app.url)[sample("workbench_up", part="bus")] == 1, what="its scraped_metrics are back"
    )


def test_two_concurrent_scrapes_both_have_all_metrics(app: App) -> None:
    together = threading.Barrier(4)

    def scrape(_: int) -> dict[Sample, float]:
        together.wait()
        return scraped_metrics(app.url)

    with ThreadPoolExecutor(4) as threads:
        for seen in threads.map(scrape, range(4)):
            assert [seen[sample("workbench_up", part=part)] for part in ("bus", "sql")] == [1, 1]
            assert {name for name, _ in seen} >= {"workbench_workers", "workbench_jobs"}


def test_jobs_nodes_and_requests_are_counted(live: LiveDeployment, app: App, diary: Diary, gate: Path) -> None:
    before = scraped_metrics(app.url)
    running = live.submit({"a": diary.probe("a", gate=str(gate))}).job
    live.await_event(running, "node.running", "a")
    waiting = live.submit({"a": diary.probe("b")}).job
    httpx.get(f"{app.url}/api/jobs/{running}")
    httpx.get(f"{app.url}/nothing/here")
    with Watcher(app) as watcher:
        watcher.subscribe(running)
        seen = scraped_metrics(app.url)
        assert seen[sample("workbench_live_clients")] == 1
        assert seen[sample("workbench_live_jobs")] == 1
        assert seen[sample("workbench_queue_depth", pool="data.cpu", lane="interactive")] == 1
        assert seen[sample("workbench_queue_oldest_seconds", pool="data.cpu")] > 0
        assert seen[sample("workbench_workers", pool="data.cpu")] >= 1
        assert seen[sample("workbench_workers", pool="control")] >= 1
        gate.touch()
        watcher.wait_for_end(running)
    live.finish(waiting)
    seen = scraped_metrics(app.url)
    late = sample("workbench_live_event_seconds_count")
    assert seen[late] > before[late]
    of_job = sample("workbench_http_requests_total", method="GET", route="/api/jobs/{job_id}", status="200")
    assert seen[of_job] == before.get(of_job, 0) + 1
    assert seen[sample("workbench_http_requests_total", method="GET", route="none", status="404")] >= 1
    completed = sample("workbench_jobs", status="completed")
    assert seen[completed] >= before[completed] + 2
    assert not any(running in value or waiting in value for _, labels in seen for _, value in labels)
    wait_for(lambda: scraped_metrics(app.url)[sample("workbench_live_clients")] == 0, what="the socket is gone")
    assert scraped_metrics(app.url)[sample("workbench_live_jobs")] == 0


def test_a_worker_serves_its_own_metrics(live: LiveDeployment, diary: Diary) -> None:
    port = free_port()
    worker = live.start_role("worker", WORKBENCH_METRICS_PORT=str(port))
    try:
        live.await_ready(worker)
        name = sample("workbench_nodes_total", service="probe.data", outcome="completed")
        url = f"http://127.0.0.1:{port}"

        def counted() -> bool:
            live.run({"a": diary.probe("a")})
            return scraped_metrics(url).get(name, 0) >= 1

        wait_for(counted, what="this worker ran one")
        seen = scraped_metrics(url)
        assert seen[sample("workbench_takes_total", pool="data.cpu")] >= seen[name]
        assert seen[sample("workbench_commits_total", pool="data.cpu", answer="OK")] >= seen[name]
        assert seen[sample("workbench_node_seconds_count", service="probe.data")] == seen[name]
    finally:
        worker.terminate()
        worker.wait(30)


def test_the_api_reference_uses_only_files_of_this_server(app: App) -> None:
    page = httpx.get(f"{app.url}/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "http:" not in page.text and "https:" not in page.text and "//" not in page.text.replace("<!doctype", "")
    for name, kind in (
        ("reference.js", "javascript"),
        ("swagger-ui-bundle.js", "javascript"),
        ("swagger-ui.css", "css"),
        ("favicon-32x32.png", "png"),
    ):
        assert f"docs/{name}" in page.text
        file = httpx.get(f"{app.url}/docs/{name}")
        assert file.status_code == 200 and kind in file.headers["content-type"]
    for name in ("index.css", "..%2Freference.html", "__init__.py"):
        assert httpx.get(f"{app.url}/docs/{name}").json()["code"] == "request.not_found"
