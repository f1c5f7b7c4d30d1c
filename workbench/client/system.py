"""The deployment as an operator sees it: workers, storage, provided services."""

from __future__ import annotations

import shutil
from collections.abc import Collection

from sqlalchemy import func, select

from nodes.info.merge_capabilities import merge
from nodes.manifest import manifests
from nodes.registry import services
from schemas.api import CapabilityEntry, CapabilitySummary, Storage, WorkerEntry
from schemas.queue import QueueView
from workbench.client.deployment import Deployment
from workbench.client.describe import AnnouncedServices
from workbench.engine.cut import pool_name
from workbench.store.tables import artifacts


def worker_entries(offers: AnnouncedServices, queue: QueueView) -> list[WorkerEntry]:
    """The workers that are up, with their state and the nodes that they run."""
    pools = {pool.pool: pool for pool in queue.pools}
    entries = []
    for manifest in sorted(offers.workers, key=lambda worker: (worker.plane, worker.pool, worker.worker)):
        # A lease names the slot: the worker's name and a number.
        running = [
            f"{lease.job}/{node}"
            for lease in queue.leases
            if lease.worker == manifest.worker or lease.worker.rpartition(".")[0] == manifest.worker
            for node in lease.nodes or [lease.segment]
        ]
        pool = pools.get(pool_name(manifest.plane, manifest.pool))
        state = "busy" if running else "idle"
        if pool is not None and manifest.worker in pool.draining:
            state = "draining"
        elif pool is not None and pool.paused is not None and not running:
            state = "paused"
        entries.append(WorkerEntry.model_validate({"manifest": manifest, "state": state, "running": running}))
    return entries


def of_jobs(queue: QueueView, workers: list[WorkerEntry], jobs: Collection[str]) -> tuple[QueueView, list[WorkerEntry]]:
    """The same, reduced to the given jobs: it still shows that a worker is busy, but not with which other job.

    Dead letters are not filtered: their jobs have ended, and ``queue_view`` filters them by owner.
    """
    seen = queue.model_copy(
        update={
            "leases": [lease for lease in queue.leases if lease.job in jobs],
            "waiting": [wait for wait in queue.waiting if wait.job in jobs],
        }
    )
    filtered = [
        worker.model_copy(update={"running": [name for name in worker.running if name.partition("/")[0] in jobs]})
        for worker in workers
    ]
    return seen, filtered


def storage(deployment: Deployment) -> Storage:
    """Free space on the disk of the home, and the size of all artifacts in the database."""
    disk = shutil.disk_usage(deployment.settings.home)
    columns = artifacts.c
    with deployment.store.database.read() as connection:
        count, total = connection.execute(select(func.count(), func.coalesce(func.sum(columns.size_bytes), 0))).one()
    return Storage(
        home_free_bytes=disk.free, home_total_bytes=disk.total, artifact_bytes=int(total), artifact_count=count
    )


def capability_summary(offers: AnnouncedServices) -> CapabilitySummary:
    """A summary of the workers' announcements. Sends no query to the workers."""
    merged = merge(list(offers.workers), manifests(services()))
    entries = [
        CapabilityEntry(
            service=item.service,
            version=item.version,
            title=item.title,
            category=item.category,
            plane=item.plane.value,
            pool=item.pool,
            workers=merged.offered_by.get(item.service, []),
            missing=merged.missing.get(item.service, ""),
        )
        for item in sorted(merged.services, key=lambda item: (item.category, item.service))
    ]
    return CapabilitySummary(
        services=len(entries), offered=len(merged.offered_by), missing=merged.missing, entries=entries
    )
