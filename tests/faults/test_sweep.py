"""A sweep runs each distinct node once, even if processes restart in the middle."""

from __future__ import annotations

import secrets
import subprocess
from typing import Any

from schemas.status import JobStatus, Lane
from tests.engine.graphs import document
from tests.faults.extent import extent
from tests.live import Diary, LiveDeployment, sigkill, wait_for
from workbench.client.submit import submit_graph
from workbench.engine.accept import Request

EDGES = [("a", "b"), ("b", "c")]


def variant(diary: Diary, salt: str, first: int, second: int) -> dict[str, Any]:
    """A chain of nodes; variants with the same beginning share its first nodes."""
    values = {"a": f"a{salt}", "b": f"b{first}{salt}", "c": f"c{first}.{second}{salt}"}
    nodes = {name: diary.probe(value, "probe.cached", sleep_s=0.1) for name, value in values.items()}
    return document(nodes, EDGES)


def test_a_sweep_runs_each_distinct_node_once_while_a_worker_and_the_bus_restart(
    live: LiveDeployment, diary: Diary, workers: list[subprocess.Popen[bytes]]
) -> None:
    assert live.bus_process is not None
    salt = "-" + secrets.token_hex(4)
    firsts, seconds, copies = extent(6, 3), extent(8, 4), 2
    submits = [(first, second) for _ in range(copies) for first in range(firsts) for second in range(seconds)]
    jobs = [
        submit_graph(live.deployment, Request(variant(diary, salt, *pair), lane=Lane.BATCH, sweep=f"sweep{salt}")).job
        for pair in submits
    ]
    distinct = 1 + firsts + firsts * seconds
    wait_for(lambda: len(diary.lines()) > distinct // 4, what="a quarter is done")
    workers[0].terminate()  # it finishes its node; another worker runs the next ones
    assert workers[0].wait(30) == 0
    workers[0] = live.worker = live.start_role("worker")
    wait_for(lambda: len(diary.lines()) > distinct // 2, what="half is done")
    sigkill(live.bus_process)
    live.start_bus()
    records = [live.finish(job, timeout_s=180) for job in jobs]
    assert {record.status for record in records} == {JobStatus.COMPLETED}
    executed = diary.lines()
    print(f"{len(jobs)} jobs, {3 * len(jobs)} nodes, {distinct} distinct, {len(executed)} executions")
    assert sorted(executed) == sorted(set(executed)), "a node ran twice"
    assert len(executed) == distinct


def test_concurrent_identical_jobs_run_each_node_once(
    live: LiveDeployment, diary: Diary, workers: list[subprocess.Popen[bytes]]
) -> None:
    salt = "-" + secrets.token_hex(4)
    jobs = [submit_graph(live.deployment, Request(variant(diary, salt, 0, 0))).job for _ in range(extent(50, 20))]
    records = [live.finish(job, timeout_s=120) for job in jobs]
    assert {record.status for record in records} == {JobStatus.COMPLETED}
    assert sorted(diary.lines()) == sorted(f"{name}{salt}" for name in ("a", "b0", "c0.0"))
    print(f"{len(jobs)} jobs, {len(diary.lines())} executions")
