"""The services of both planes, as their workers announced them. A busy worker counts: nothing is asked of it."""

from __future__ import annotations

from nodes.info.merge_capabilities import merge
from nodes.manifest import manifests
from nodes.registry import services
from schemas.capability import Capabilities
from schemas.errors import WorkbenchError
from schemas.status import Plane
from workbench.bus.bus import Bus
from workbench.client.deployment import Deployment
from workbench.client.describe import announced_services, worker_manifests

DEFAULT_POOLS = {(Plane.DATA, "cpu"), (Plane.CONTROL, "control")}


def announced_capabilities(bus: Bus) -> Capabilities:
    """The services that workers provide now; ``missing`` names those that no worker can run. Raises BUS_UNREACHABLE."""
    return merge(worker_manifests(bus), manifests(services()))


def responding_capabilities(deployment: Deployment) -> Capabilities:
    """The same for a caller that needs both planes. Blocks for 1.5 seconds at most.

    Raises WorkbenchError (capabilities.incomplete) if a plane has no worker or the bus does not answer.
    """
    announced = announced_services(deployment)
    answer = merge(list(announced.workers), manifests(services()))
    here = {worker.plane for worker in announced.workers}
    silent = {plane.value: "no worker of this plane is running" for plane in Plane if plane not in here}
    if announced.bus_error:
        silent = {"bus": announced.bus_error}
    if not silent:
        return answer
    raise WorkbenchError(
        "capabilities.incomplete",
        f"the capabilities of the deployment are incomplete ({'; '.join(f'{k}: {v}' for k, v in silent.items())})",
        where=", ".join(silent),
        allowed="a running worker in each plane",
        remedy="`workbench status` shows which part is down; `workbench up` starts what is missing.",
        silent=silent,
        missing={} if announced.bus_error else answer.missing,
    )


def complete(answer: Capabilities) -> bool:
    """Whether both planes have workers, and the workers of a default stack provide all of their services.

    Services of other pools, such as those of GPU hosts, count only if a worker serves the pool.
    """
    served = {(worker.plane, worker.pool) for worker in answer.workers} | DEFAULT_POOLS
    missing = [item for item in answer.services if item.service not in answer.offered_by]
    return {worker.plane for worker in answer.workers} == set(Plane) and not any(
        (item.plane, item.pool) in served for item in missing
    )
