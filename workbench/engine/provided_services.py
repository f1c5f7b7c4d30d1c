"""What segments need and workers provide, as keys: a node only runs where its identity matches.

A service key is ``service@version#code#weights#packages``, a model key ``model:name#digest``, with the digests cut to
twelve characters. Together they contain everything besides parameters and inputs that determines a result, so that a
message can name the difference.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
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
MODEL = "model:"


@dataclass(frozen=True)
class ProvidedService:
    """A service that a worker provides."""

    worker: str
    service: ServiceManifest

    @property
    def key(self) -> str:
        one = self.service
        return _service_key(one.service, one.version, one.code, one.weights, one.packages)


@dataclass(frozen=True)
class ProvidedModel:
    """A model that is installed where a worker runs."""

    worker: str
    name: str
    digest: str

    @property
    def key(self) -> str:
        return _model_key(self.name, self.digest)


Provided = ProvidedService | ProvidedModel


def needed(node: Node) -> frozenset[str]:
    """The keys that a worker must provide to run the node, whose identity is pinned."""
    service = _service_key(node.service, node.version or "", node.code or "", node.weights or "", node.packages or ())
    return frozenset((service, *(_model_key(name, digest) for name, digest in (node.models or {}).items())))


def offer(
    services: Iterable[Mapping[str, Any]], plane: Plane, pool: str, installed: Mapping[str, str] = MappingProxyType({})
) -> Offer:
    """What a worker of that plane and pool provides.

    Args:
        services: manifests from its executor, as JSON objects.
        installed: digests of the models on its machine, by name.
    """
    served = [
        service
        for service in services
        if service["available"] and pool_name(Plane(service["plane"]), service["pool"]) == pool_name(plane, pool)
    ]
    models = installed if any(service["models"] for service in served) else {}
    words = frozenset(
        _service_key(*(service[field] for field in ("service", "version", "code", "weights", "packages")))
        for service in served
    ).union(_model_key(name, digest) for name, digest in models.items())
    return Offer(hashlib.sha256(" ".join(sorted(words)).encode()).hexdigest()[:16], words)


class DeploymentSnapshot:
    """The state of a deployment that a submit needs.

    Attributes:
        epoch: epoch of the bus. Read for each job, so that a job is refused if the bus is unreachable.
        services: services and models of the workers, by the pool's name on the bus; at most two seconds old.
        workers: those workers, with the services that they cannot provide.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.epoch = 0
        self.services: dict[str, list[Provided]] = {}
        self.workers: list[WorkerManifest] = []
        self._read_at = float("-inf")

    def refresh(self) -> None:
        """Read the state from the bus. Raises BUS_UNREACHABLE."""
        self.epoch = self._bus.marker().epoch
        self.refresh_services(FRESH_S)

    def refresh_services(self, fresh_s: float = 0.0) -> None:
        """Read what the workers provide, unless the last read is that recent. Raises BUS_UNREACHABLE."""
        if time.monotonic() - self._read_at <= fresh_s:
            return
        self.workers = running_workers(self._bus)
        self.services = _by_pool(self.workers)
        self._read_at = time.monotonic()


def provided_services(bus: Bus) -> dict[str, list[Provided]]:
    """The services and models of the running workers, by the pool's name on the bus, ordered by worker name."""
    return _by_pool(running_workers(bus))


def running_workers(bus: Bus) -> list[WorkerManifest]:
    """What the running workers announced."""
    return [WorkerManifest.model_validate(orjson.loads(raw)) for raw in bus.queues.workers().values()]


def _by_pool(workers: Iterable[WorkerManifest]) -> dict[str, list[Provided]]:
    found: dict[str, list[Provided]] = {}
    for worker in workers:
        there: list[Provided] = [ProvidedService(worker.worker, item) for item in worker.services if item.available]
        there += [ProvidedModel(worker.worker, name, digest) for name, digest in worker.installed.items()]
        found.setdefault(pool_name(worker.plane, worker.pool), []).extend(there)
    return found


def _model_key(name: str, digest: str) -> str:
    return f"{MODEL}{name}#{digest[:SHOWN]}"


def _service_key(service: str, version: str, code: str, weights: str, packages: Iterable[str]) -> str:
    # On the bus, blanks separate service keys.
    return f"{service}@{version}#{code[:SHOWN]}#{weights[:SHOWN]}#{','.join(packages)}".replace(" ", "_")
