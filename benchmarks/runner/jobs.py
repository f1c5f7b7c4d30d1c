"""Graphs of the benchmark's nodes, jobs run to their end, and further workers."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson

from benchmarks.bench_stack import running_stack
from benchmarks.measure import tree_cpu_s
from schemas.event import Event, EventType, NodeResult
from workbench.client.deployment import Deployment
from workbench.client.submit import submit_graph
from workbench.engine.accept import Request

ROOT = Path(__file__).parents[2]
WORKER_TIMEOUT_S = 300.0
IDLE_CPU = 0.15  # share of a core; a worker that starts takes a whole one


@contextmanager
def bench_stack(*, worker: bool = True) -> Iterator[Deployment]:
    """A stack with the benchmark's nodes: one control executor and, unless told otherwise, one data worker."""
    parts = ("bus", "objects", "sql", "control", *(("worker",) if worker else ()))
    with running_stack(
        *parts, WORKBENCH_NODE_MODULES="benchmarks.noop_nodes", WORKBENCH_CONTROL_SLOTS="1"
    ) as deployment:
        yield deployment


def document(
    nodes: Mapping[str, dict[str, Any]], edges: Sequence[tuple[str, str]] = (), **fields: Any
) -> dict[str, Any]:
    """A graph document from nodes by id and edges (from, to)."""
    return {
        "schema": "langgraph.v1",
        "workflowId": "measured",
        "nodes": [{"id": name, **node} for name, node in nodes.items()],
        "edges": [{"from": parent, "to": child} for parent, child in edges],
        **fields,
    }


def chain(nodes: Sequence[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    """A document whose nodes follow one another: n0, n1, …"""
    names = [f"n{index}" for index in range(len(nodes))]
    return document(dict(zip(names, nodes, strict=True)), list(pairwise(names)), **fields)


def node(service: str, **params: Any) -> dict[str, Any]:
    return {"service": f"deployment.{service}", "params": params}


def submit(deployment: Deployment, graph: dict[str, Any], **fields: Any) -> str:
    """Submit, e.g. with ``lane="batch"``; returns the job's id."""
    return submit_graph(deployment, Request(graph, **fields)).job


def finish(deployment: Deployment, job: str) -> list[Event]:
    """All events of a job, once it is final. Blocks. Raises AssertionError unless it completed."""
    events = [event for update in deployment.watch(job) for event in update.events]
    assert events[-1].type is EventType.JOB_COMPLETED, events[-1]
    return events


def run_ms(deployment: Deployment, graph: dict[str, Any]) -> float:
    """Milliseconds from submit to the last event."""
    began = time.perf_counter()
    finish(deployment, submit(deployment, graph))
    return (time.perf_counter() - began) * 1e3


def results(events: Sequence[Event]) -> dict[str, NodeResult]:
    """What the completed nodes reported, by id."""
    completed = [event for event in events if event.type is EventType.NODE_COMPLETED]
    return {event.node: NodeResult.model_validate(event.data) for event in completed}


class Workers:
    """Further data workers of a deployment, started in batches and ended together."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._processes: list[subprocess.Popen[bytes]] = []
        self._log = (deployment.settings.home / "logs" / "further-workers.log").open("ab")

    def grow_to(self, count: int) -> None:
        """Have this many of them, announced and idle. Two at a time: more would starve each other while they start."""
        while len(self._processes) < count:
            some = [self._start() for _ in range(min(2, count - len(self._processes)))]
            self._processes += some
            self._await_announced([process.pid for process in some])
        self._await_idle()

    def close(self) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._log.close()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "workbench.cli.main", "worker"],
            cwd=ROOT,
            env=dict(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )

    def _await_announced(self, pids: Sequence[int]) -> None:
        until = time.monotonic() + WORKER_TIMEOUT_S
        while not set(pids) <= {orjson.loads(raw)["pid"] for raw in self._deployment.bus.queues.workers().values()}:
            assert time.monotonic() < until, "the workers did not announce themselves"
            time.sleep(0.1)

    def _await_idle(self) -> None:
        until = time.monotonic() + WORKER_TIMEOUT_S
        pids = [process.pid for process in self._processes]
        while pids:
            before = tree_cpu_s(pids)
            time.sleep(1.0)
            if tree_cpu_s(pids) - before < IDLE_CPU * len(pids):
                return
            assert time.monotonic() < until, "the workers do not come to rest"


@contextmanager
def further_workers(deployment: Deployment, count: int = 0) -> Iterator[Workers]:
    """``count`` data workers more, ended afterwards."""
    workers = Workers(deployment)
    try:
        workers.grow_to(count)
        yield workers
    finally:
        workers.close()
