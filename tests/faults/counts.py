"""Counts after a fault: results in SQL, executions in the diary, runs in MLflow."""

from __future__ import annotations

import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterable, Sequence

import psutil

from schemas.event import Event
from schemas.job import JobRecord
from schemas.status import JobStatus
from tests.live import LiveDeployment, wait_for
from workbench.bus.results import Lease
from workbench.store.tracking import JOB_TAG
from workbench.store.tracking_api import TrackingApi


def completions(live: LiveDeployment, job: str) -> Counter[str]:
    """The number of results in SQL, by node."""
    return Counter(event.node for event in live.deployment.events(job) if event.type.value == "node.completed")


def completed_once(live: LiveDeployment, job: str, timeout_s: float = 120.0) -> JobRecord:
    """Wait for a job and return its record; check that each node completed exactly once."""
    record = live.finish(job, timeout_s)
    assert record.status is JobStatus.COMPLETED, (record.error, live.log()[-3000:])
    assert completions(live, job) == dict.fromkeys((node.id for node in record.nodes), 1)
    return record


def events_of(live: LiveDeployment, job: str, type_: str) -> list[Event]:
    """The job's events of one type in SQL."""
    return [event for event in live.deployment.events(job) if event.type.value == type_]


def tracked_once(live: LiveDeployment, job: str) -> str:
    """Check that MLflow has exactly one run of the job and SQL has its id; return the id."""
    wait_for(lambda: live.deployment.job(job).mlflow_run_id, 60, f"{job} has a run")
    api = TrackingApi(live.settings.mlflow_url)
    experiment = api.experiment_id(live.deployment.job(job).experiment)

    def finished() -> list[str] | None:
        body = {"experiment_ids": [experiment], "filter": f"tags.`{JOB_TAG}` = '{job}'", "max_results": 10}
        runs = api._api("POST", "runs/search", body).get("runs") or []
        return [run["info"]["run_id"] for run in runs] if all(r["info"]["status"] == "FINISHED" for r in runs) else None

    runs = wait_for(finished, 60, f"the run of {job} is FINISHED")
    assert runs == [live.deployment.job(job).mlflow_run_id]
    return runs[0]


def lease_of(live: LiveDeployment, job: str) -> tuple[Lease, int, str] | None:
    """The job's lease, its number of heartbeats, and the worker that holds it."""
    for held in live.deployment.bus.leases():
        if held.job == job:
            fence, beats, worker = held.value.decode().split(" ", 2)
            return Lease(job, held.segment, fence), int(beats), worker
    return None


def await_working(live: LiveDeployment, job: str) -> tuple[Lease, str]:
    """Wait until a worker has sent a heartbeat for the job; return the lease and the worker."""

    def found() -> tuple[Lease, str] | None:
        held = lease_of(live, job)
        return (held[0], held[2]) if held and held[1] > 0 else None

    return wait_for(found, what=f"a worker runs {job}")


def holder(workers: Sequence[subprocess.Popen[bytes]], live: LiveDeployment, slot: str) -> subprocess.Popen[bytes]:
    """The process of the worker with this slot."""
    manifests = live.deployment.bus.queues.workers()
    raw = manifests[slot.rpartition(".")[0]]
    return next(process for process in workers if b'"pid":%d,' % process.pid in raw)


def stop_processes(pids: Iterable[int]) -> None:
    """Send SIGSTOP and wait until the kernel reports the processes as stopped."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
        wait_for(lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED, 10, f"{pid} is stopped")  # noqa: B023


def wake_processes(pids: Iterable[int]) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
