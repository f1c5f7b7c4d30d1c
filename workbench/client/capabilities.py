"""Queries the capabilities of both planes, and reports what is missing if a plane does not answer."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet

from nodes.info.merge_capabilities import merge
from nodes.manifest import manifests
from nodes.registry import services
from schemas.api import JobRequest
from schemas.capability import Capabilities
from schemas.errors import WorkbenchError
from schemas.event import EventType
from schemas.status import Plane
from workbench.bus.bus import Bus
from workbench.bus.connection import BUS_UNREACHABLE
from workbench.client.deployment import Deployment
from workbench.client.describe import worker_manifests
from workbench.client.submit import submit
from workbench.pipelines.registry import find_pipeline

TIMEOUT_S = 10.0
FRESH_S = 2.0


def query_capabilities(deployment: Deployment, timeout_s: float = TIMEOUT_S) -> Capabilities:
    """Run the capabilities graph over both planes.

    If a plane has no worker or does not answer in time, the result comes from the workers' announcements, and
    ``missing`` names the services that no worker can run. Blocks for ``timeout_s`` at most.
    """
    with deployment.asking_bus() as bus:
        return _query(deployment, bus, timeout_s)[0]


def complete(answer: Capabilities) -> bool:
    """Whether both planes have workers, and the workers of a default stack provide all of their services.

    Services of other pools, such as those of GPU hosts, count only if a worker serves the pool.
    """
    served = {(worker.plane, worker.pool) for worker in answer.workers} | {
        (Plane.DATA, "cpu"),
        (Plane.CONTROL, "control"),
    }
    missing = [item for item in answer.services if item.service not in answer.offered_by]
    return {worker.plane for worker in answer.workers} == set(Plane) and not any(
        (item.plane, item.pool) in served for item in missing
    )


class CapabilityCache:
    """The capabilities of both planes for concurrent callers, with at most one query at a time.

    A result is valid for two seconds. Thread-safe.
    """

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._lock = threading.Lock()
        self._asked: Future[Capabilities] | None = None
        self._asked_at = float("-inf")

    def ask(self, timeout_s: float = TIMEOUT_S) -> Capabilities:
        """Blocks for ``timeout_s`` at most, even if a part of the deployment hangs.

        Raises WorkbenchError (capabilities.incomplete) with the planes that did not answer and the services that no
        worker provides.
        """
        with self._lock:
            stale = self._asked is None or (self._asked.done() and time.monotonic() - self._asked_at > FRESH_S)
            if stale:
                self._asked, self._asked_at = Future(), time.monotonic()
                # A daemon thread, because a query that hangs must not keep the process alive.
                arguments = (self._deployment, self._asked, timeout_s - 1.0)
                threading.Thread(target=_query_into, args=arguments, daemon=True, name="capabilities").start()
            asked = self._asked
        assert asked is not None
        try:
            return asked.result(timeout_s)
        except NotYet:
            raise _incomplete({"bus": f"there was no answer within {timeout_s:g} s"}, {}) from None


def _query_into(deployment: Deployment, answer: Future[Capabilities], timeout_s: float) -> None:
    try:
        answer.set_result(_query_both_planes(deployment, timeout_s))
    except BaseException as error:  # raised in the threads that wait for the result
        answer.set_exception(error)


def _query_both_planes(deployment: Deployment, timeout_s: float) -> Capabilities:
    try:
        answer, silent = _query(deployment, deployment.quick_bus, timeout_s)
    except BUS_UNREACHABLE as error:
        raise _incomplete({"bus": f"it does not answer: {error}"}, {}) from error
    except WorkbenchError as error:
        if error.code != "bus.unreachable":
            raise
        raise _incomplete({"bus": error.message}, {}) from error
    if silent:
        raise _incomplete(silent, answer.missing)
    return answer


def _query(deployment: Deployment, bus: Bus, timeout_s: float) -> tuple[Capabilities, dict[str, str]]:
    """The capabilities, and why each plane that did not answer is silent. With a silent plane, they are those that the
    workers announced.
    """
    deadline = time.monotonic() + timeout_s
    announced = worker_manifests(bus)
    here = {worker.plane for worker in announced}
    silent = {plane.value: "no worker of this plane is up" for plane in Plane if plane not in here}
    if not silent:
        answer, answered = _run(deployment, deadline)
        if answer is not None:
            # Not every worker took part. Those that did are named with their slot: the worker's name and a number.
            took_part = {worker.worker.rpartition(".")[0] for worker in answer.workers}
            others = [worker for worker in announced if worker.worker not in took_part]
            return merge([*answer.workers, *others], answer.services), {}
        why = f"its workers did not answer within {timeout_s:g} s"
        silent = {plane.value: why for plane in Plane if plane not in answered}
    return merge(announced, manifests(services())), silent


def _incomplete(silent: dict[str, str], missing: dict[str, str]) -> WorkbenchError:
    said = "; ".join(f"{name}: {why}" for name, why in silent.items())
    return WorkbenchError(
        "capabilities.incomplete",
        f"the capabilities of the deployment are incomplete ({said})",
        where=", ".join(silent),
        allowed="a responding worker in each plane",
        remedy="`workbench status` shows which part is down; `workbench up` starts what is missing.",
        silent=silent,
        missing=missing,
    )


def _run(deployment: Deployment, deadline: float) -> tuple[Capabilities | None, set[Plane]]:
    """The result of the graph if it came before the deadline (monotonic), and the planes that answered."""
    pipeline = find_pipeline("capabilities")
    job = submit(deployment, JobRequest(pipeline=pipeline.name, experiment=pipeline.name)).job
    plane_of = {node.id: node.plane for node in deployment.job(job).graph.nodes}
    answered = set()
    for update in deployment.watch(job):
        for event in update.events:
            if event.type is EventType.NODE_COMPLETED:
                answered.add(Plane(plane_of[event.node] or ""))
                if pipeline.result is not None and event.node == pipeline.result[0]:
                    return Capabilities.model_validate(event.data["output"][pipeline.result[1]]), answered
        if time.monotonic() > deadline:
            deployment.cancel(job)
            break
    return None, answered
