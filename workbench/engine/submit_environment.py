"""What a job was accepted with beside its pinned nodes: versions and machines, to explain why a repeat differs."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from functools import cache
from importlib import metadata
from typing import Any

from schemas.capability import WorkerManifest
from schemas.graph import Graph
from workbench.engine.cut import pool_name

ENVIRONMENT = "environment"  # in a graph's metadata; it affects no content key


@cache
def _versions() -> dict[str, str]:
    return {
        "workbench": metadata.version("talking-head-workbench"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def environment(workers: Iterable[WorkerManifest]) -> dict[str, Any]:
    """Versions of this process, and the machines of the workers by pool. It has no name of a host or a user."""
    machines: dict[str, list[str]] = {}
    for worker in workers:
        gpus = ", ".join(sorted({gpu.name for gpu in worker.gpus}))
        text = f"{worker.cpus} CPUs, {worker.memory_gib:g} GiB" + (f", {gpus}" if gpus else "")
        machines.setdefault(pool_name(worker.plane, worker.pool), []).append(text)
    return {**_versions(), "machines": {pool: sorted(set(found)) for pool, found in sorted(machines.items())}}


def with_environment(graph: Graph, workers: Iterable[WorkerManifest]) -> Graph:
    """The graph with the environment of this submit in its metadata, in place of an earlier one."""
    return graph.model_copy(update={"metadata": {**graph.metadata, ENVIRONMENT: environment(workers)}})
