"""What a segment needs and what a worker offers, in the same words: a node goes only where its very identity is.

A word is ``service@version#code#weights#packages``, the digests cut to twelve characters. It names everything that
decides a result beside parameters and inputs, so that a message can say which of it differs.
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
from workbench.bus.answers import Offer
from workbench.bus.bus import Bus
from workbench.engine.cut import pool_name

FRESH_S = 2.0
SHOWN = 12  # characters of a digest


@dataclass(frozen=True)
class Offered:
    """A service that a worker offers now."""

    worker: str
    service: ServiceManifest

    @property
    def word(self) -> str:
        one = self.service
        return _word(one.service, one.version, one.code, one.weights, one.packages)


def needed(node: Node) -> str:
    """What a worker must offer to run the node; its identity is pinned."""
    return _word(node.service, node.version or "", node.code or "", node.weights or "", node.packages or ())


def offer(services: Iterable[Mapping[str, Any]], plane: Plane, pool: str) -> Offer:
    """What a worker of that plane and pool offers.

    Args:
        services: manifests as its executor reported them, as JSON objects.
    """
    words = frozenset(
        _word(*(service[field] for field in ("service", "version", "code", "weights", "packages")))
        for service in services
        if service["available"] and pool_name(Plane(service["plane"]), service["pool"]) == pool_name(plane, pool)
    )
    return Offer(hashlib.sha256(" ".join(sorted(words)).encode()).hexdigest()[:16], words)


class Outlook:
    """What a client needs to know of a deployment before it submits.

    Attributes:
        epoch: of the bus. Asked for each job: while the bus is away a job is refused rather than half-accepted.
        offers: what its workers offer, by the pool's name on the bus; at most two seconds old.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.epoch = 0
        self.offers: dict[str, list[Offered]] = {}
        self._asked_at = float("-inf")

    def refresh(self) -> None:
        """Ask the bus. Raises BUS_UNREACHABLE."""
        self.epoch = self._bus.marker().epoch
        if time.monotonic() - self._asked_at > FRESH_S:
            self.look()

    def look(self) -> None:
        """Ask what the workers offer, however lately that was asked. Raises BUS_UNREACHABLE."""
        self.offers = offered_by(self._bus)
        self._asked_at = time.monotonic()


def offered_by(bus: Bus) -> dict[str, list[Offered]]:
    """What the workers that are up offer, by the pool's name on the bus, in the order of their names."""
    found: dict[str, list[Offered]] = {}
    for raw in bus.queues.workers().values():
        worker = WorkerManifest.model_validate(orjson.loads(raw))
        there = [Offered(worker.worker, item) for item in worker.services if item.available]
        found.setdefault(pool_name(worker.plane, worker.pool), []).extend(there)
    return found


def _word(service: str, version: str, code: str, weights: str, packages: Iterable[str]) -> str:
    # Blanks part words from each other on the bus.
    return f"{service}@{version}#{code[:SHOWN]}#{weights[:SHOWN]}#{','.join(packages)}".replace(" ", "_")
