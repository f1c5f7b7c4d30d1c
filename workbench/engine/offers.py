"""What a segment needs and what a worker offers, in the same words: a node goes only where its very version is."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from schemas.capability import WorkerManifest
from schemas.graph import Node
from schemas.status import Plane
from workbench.bus.answers import Offer
from workbench.bus.bus import Bus
from workbench.engine.cut import pool_name

FRESH_S = 2.0


def needed(node: Node) -> str:
    """What a worker must offer to run the node; its version and weights are pinned."""
    return _word(node.service, node.version or "", node.weights or "")


def offer(services: Iterable[Mapping[str, Any]], plane: Plane, pool: str) -> Offer:
    """What a worker of that plane and pool offers.

    Args:
        services: manifests as its executor reported them, as JSON objects.
    """
    words = frozenset(
        _word(service["service"], service["version"], service["weights"])
        for service in services
        if service["available"] and pool_name(Plane(service["plane"]), service["pool"]) == pool_name(plane, pool)
    )
    return Offer(hashlib.sha256(" ".join(sorted(words)).encode()).hexdigest()[:16], words)


class Outlook:
    """What a client needs to know of a bench before it submits.

    Attributes:
        epoch: of the bus. Asked for each job: while the bus is away a job is refused rather than half-accepted.
        offers: what its workers offer, by the pool's name on the bus; at most two seconds old.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.epoch = 0
        self.offers: dict[str, frozenset[str]] = {}
        self._asked_at = float("-inf")

    def refresh(self) -> None:
        """Ask the bus. Raises BUS_AWAY."""
        self.epoch = int(self._bus.marker().get("epoch", "0"))
        if time.monotonic() - self._asked_at > FRESH_S:
            self.offers = offered_by(self._bus)
            self._asked_at = time.monotonic()


def offered_by(bus: Bus) -> dict[str, frozenset[str]]:
    """What the workers that are up offer together, by the pool's name on the bus."""
    found: dict[str, set[str]] = {}
    for raw in bus.queues.workers().values():
        worker = WorkerManifest.model_validate(orjson.loads(raw))
        words = {_word(item.service, item.version, item.weights) for item in worker.services if item.available}
        found.setdefault(pool_name(worker.plane, worker.pool), set()).update(words)
    return {pool: frozenset(words) for pool, words in found.items()}


def _word(service: str, version: str, weights: str) -> str:
    return f"{service}@{version}#{weights[:12]}"
