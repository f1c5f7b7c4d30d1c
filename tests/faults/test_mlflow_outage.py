"""MLflow is unreachable, slow or broken: no job waits for it, and afterwards it has every run exactly once."""

from __future__ import annotations

import json
import statistics
import time
import urllib.request
from typing import Any

import pytest

from schemas.status import JobStatus
from tests.faults.conftest import Proxied
from tests.faults.extent import extent
from tests.faults.proxy import Kind
from tests.live import Diary, LiveDeployment, wait_for
from workbench.store.tracking_queue import TrackingQueue, TrackingState

OUTAGE_S = extent(60.0, 3.0)
JOBS = extent(20, 4)
KINDS = {
    "refused": (Kind.REFUSE, {}),
    "error 503": (Kind.ERROR, {"status": 503}),
    "hanging": (Kind.HANG, {}),
    "slow": (Kind.SLOW, {"delay_s": extent(5.0, 1.0)}),
    "answers lost": (Kind.DEAF, {}),
}


def ask(url: str, path: str, body: dict[str, Any] | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def runs_of(url: str, experiment: str, job: str) -> list[dict[str, Any]]:
    """All runs with the job's tag, from MLflow itself."""
    found = ask(url, "/api/2.0/mlflow/experiments/search", {"max_results": 1000}).get("experiments", [])
    ids = [item["experiment_id"] for item in found if item["name"] == experiment]
    body = {"experiment_ids": ids, "filter": f"tags.`workbench.job` = '{job}'", "max_results": 100}
    return list(ask(url, "/api/2.0/mlflow/runs/search", body).get("runs", [])) if ids else []


def timed_job(live: LiveDeployment, diary: Diary, value: str) -> tuple[str, float]:
    """Run a job over both planes; return it and the seconds until SQL had its end."""
    nodes = {"a": diary.probe(value), "b": diary.probe(value, "probe.control")}
    began = time.monotonic()
    job = live.submit(nodes, [("a", "b")]).job
    assert live.finish(job).status is JobStatus.COMPLETED
    return job, time.monotonic() - began


@pytest.mark.parametrize("name", KINDS)
def test_no_job_waits_for_a_failing_mlflow(proxied: Proxied, diary: Diary, name: str) -> None:
    live, proxy = proxied.live, proxied.mlflow
    kind, how = KINDS[name]
    queue = TrackingQueue(live.deployment.store.database)

    def recorded(jobs: list[str]) -> bool:
        return all(queue.state(job) is TrackingState.DONE for job in jobs)

    healthy = [timed_job(live, diary, f"healthy-{index}") for index in range(JOBS)]
    wait_for(lambda: recorded([job for job, _ in healthy]), 120, "MLflow has the jobs from before the fault")
    answered_before = len(healthy)

    with proxy.failing(kind, **how):
        until = time.monotonic() + OUTAGE_S
        failing = [timed_job(live, diary, f"failing-{index}") for index in range(JOBS)]
        jobs = [job for job, _ in failing]
        # All jobs are final although no request could reach MLflow.
        unreported = sum(queue.state(job) is not TrackingState.DONE for job in jobs)
        assert unreported == JOBS if kind is not Kind.SLOW else unreported >= 1
        wait_for(lambda: proxy.hits >= 1, 90, "the fault took effect")
        time.sleep(max(0.0, until - time.monotonic()))
        if kind is not Kind.SLOW:
            assert not any(queue.state(job) is TrackingState.DONE for job in jobs)
    struck = proxy.hits

    wait_for(lambda: recorded(jobs), 200, "MLflow has them all")
    experiment = live.deployment.job(jobs[0]).experiment
    found = {job: runs_of(proxied.mlflow_url, experiment, job) for job, _ in healthy + failing}
    assert [len(runs) for runs in found.values()] == [1] * (answered_before + JOBS), "one run per job"
    assert {run["info"]["status"] for runs in found.values() for run in runs} == {"FINISHED"}
    for job, runs in found.items():
        assert live.deployment.job(job).mlflow_run_id == runs[0]["info"]["run_id"]
    usual, meanwhile = (statistics.median(seconds for _, seconds in timed) for timed in (healthy, failing))
    assert meanwhile < 3 * usual + 1.0, (
        "a generous bound: the real check is that the jobs were final before MLflow responded"
    )
    print(
        f"\n{name} for {OUTAGE_S:g} s: {struck} hits; {JOBS} of {JOBS} jobs final meanwhile, {unreported} unreported; "
        f"then {len(found)} jobs, {sum(map(len, found.values()))} runs; "
        f"median job {usual:.3f} s healthy, {meanwhile:.3f} s"
    )
