"""Asking both planes what they can do, and saying what is missing when one does not answer."""

from __future__ import annotations

import time

import orjson

from nodes.info.merge_capabilities import merge
from nodes.manifest import manifests
from nodes.registry import services
from schemas.capability import Capabilities, WorkerManifest
from schemas.event import EventType
from schemas.status import Plane
from workbench.bus.connection import BUS_AWAY, unreachable
from workbench.client.bench import Bench
from workbench.engine.accept import Request
from workbench.workflows import CAPABILITIES, Options, build


def ask_capabilities(bench: Bench, timeout_s: float = 10.0) -> Capabilities:
    """Run the capabilities graph over both planes.

    Where a plane has no worker, or does not answer in time, the answer is made of what the workers announced, and
    ``missing`` names what nothing can run. Blocks for ``timeout_s`` at most.
    """
    try:
        announced = [WorkerManifest.model_validate(orjson.loads(raw)) for raw in bench.bus.queues.workers().values()]
    except BUS_AWAY as error:
        raise unreachable(bench.bus.url, error) from error
    answer = None
    if {worker.plane for worker in announced} == set(Plane):
        answer = _run(bench, timeout_s)
    if answer is None:
        return merge(announced, manifests(services()))
    seen = {worker.worker for worker in answer.workers}
    others = [worker for worker in announced if worker.worker not in {name.rpartition(".")[0] for name in seen}]
    return merge([*answer.workers, *others], answer.services)


def _run(bench: Bench, timeout_s: float) -> Capabilities | None:
    job = bench.submit(
        Request(build(CAPABILITIES, Options()), pipeline=CAPABILITIES.name, experiment="capabilities")
    ).job
    deadline = time.monotonic() + timeout_s
    for update in bench.watch(job):
        for event in update.events:
            if event.type is EventType.NODE_COMPLETED and event.node == "merge":
                return Capabilities.model_validate(event.data["output"]["capabilities"])
        if time.monotonic() > deadline:
            bench.cancel(job)
            break
    return None
