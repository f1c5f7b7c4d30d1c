"""What a segment needs and what a worker offers, in the same words: a node goes only where its very version is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from schemas.capability import WorkerManifest
from schemas.graph import Node
from schemas.status import Plane
from workbench.bus.answers import Offer
from workbench.engine.cut import pool_name


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
        if service["available"]
        and pool_name(Plane(service["plane"]), service["pool"]) == pool_name(plane, pool)
    )
    return Offer(hashlib.sha256(" ".join(sorted(words)).encode()).hexdigest()[:16], words)


def offered(workers: Iterable[WorkerManifest]) -> dict[str, frozenset[str]]:
    """What the workers that are up offer together, by the pool's name on the bus."""
    found: dict[str, set[str]] = {}
    for worker in workers:
        words = {_word(item.service, item.version, item.weights) for item in worker.services if item.available}
        found.setdefault(pool_name(worker.plane, worker.pool), set()).update(words)
    return {pool: frozenset(words) for pool, words in found.items()}


def _word(service: str, version: str, weights: str) -> str:
    return f"{service}@{version}#{weights[:12]}"
