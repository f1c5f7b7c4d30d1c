"""The services that segments need and workers provide, as service keys: a node only runs where its identity matches.

A service key is ``service@version#code#weights#packages``, with the digests cut to twelve characters. It contains
everything besides parameters and inputs that determines a result, so that a message can name the difference.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from schemas.capability import ServiceManifest, WorkerManifest
from schemas.graph import Node
from schemas.status import Plane
from workbench.bus.bus import Bus
from workbench.bus.results import Offer
from workbench.engine.cut import pool_name

FRESH_S = 2.0
SHOWN = 12  # characters of a digest


@dataclass(frozen=True)
class ProvidedService:
    """A service that a worker provides."""

    worker: str
    service: ServiceManifest

    @property
    def key(self) -> str:
        one = self.service
        return _service_key(one.service, one.version, one.code, one.weights, one.packages)


def needed(node: Node) -> str:
    """The service key that a worker must provide to run the node, whose identity is pinned."""
    return _service_key(node.service, node.version or "", node.code or "", node.weights or "", node.packages or ())


def offer(services: Iterable[Mapping[str, Any]], plane: Plane, pool: str) -> Offer:
    """The services that a worker of that plane and pool provides.

    Args:
        services: manifests from its executor, as JSON objects.
    """
    words = frozenset(
        _service_key(*(service[field] for field in ("service", "version", "code", "weights", "packages")))
        for service in services
        if service["available"] and pool_name(Plane(service["plane"]), service["pool"]) == pool_name(plane, pool)
    )
    return Offer(hashlib.sha256(" ".join(sorted(words)).encode()).hexdigest()[:16], words)


class DeploymentSnapshot:
    """The state of a deployment that a submit needs.

    Attributes:
        epoch: epoch of the bus. Read for each job, so that a job is refused if the bus is unreachable.
        services: services of the workers, by the pool's name on the bus; at most two seconds old.
        workers: those workers, with the services that they cannot provide.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.epoch = 0
        self.services: dict[str, list[ProvidedService]] = {}
        self.workers: list[WorkerManifest] = []
        self._read_at = float("-inf")

    def refresh(self) -> None:
        """Read the state from the bus. Raises BUS_UNREACHABLE."""
        self.epoch = self._bus.marker().epoch
        if time.monotonic() - self._read_at > FRESH_S:
            self.refresh_services()

    def refresh_services(self) -> None:
        """Read the services of the workers, however recent the last read was. Raises BUS_UNREACHABLE."""
        self.workers = running_workers(self._bus)
        self.services = _by_pool(self.workers)
        self._read_at = time.monotonic()


def provided_services(bus: Bus) -> dict[str, list[ProvidedService]]:
    """The services of the running workers, by the pool's name on the bus, ordered by worker name."""
    return _by_pool(running_workers(bus))


def running_workers(bus: Bus) -> list[WorkerManifest]:
    """What the running workers announced."""
    return [WorkerManifest.model_validate(orjson.loads(raw)) for raw in bus.queues.workers().values()]


def _by_pool(workers: Iterable[WorkerManifest]) -> dict[str, list[ProvidedService]]:
    found: dict[str, list[ProvidedService]] = {}
    for worker in workers:
        there = [ProvidedService(worker.worker, item) for item in worker.services if item.available]
        found.setdefault(pool_name(worker.plane, worker.pool), []).extend(there)
    return found


def _service_key(service: str, version: str, code: str, weights: str, packages: Iterable[str]) -> str:
    # On the bus, blanks separate service keys.
    return f"{service}@{version}#{code[:SHOWN]}#{weights[:SHOWN]}#{','.join(packages)}".replace(" ", "_")
