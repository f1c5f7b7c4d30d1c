"""An operator's view of the queues, and the actions on them: pause, resume, drain, retry, purge."""

from __future__ import annotations

import time
from difflib import get_close_matches

from schemas.errors import WorkbenchError
from schemas.queue import LeaseView, LetterView, PoolView, QueueView, WaitView
from workbench.bus.bus import Bus
from workbench.bus.keys import LANES
from workbench.client.deployment import Deployment
from workbench.client.describe import worker_manifests
from workbench.client.rerun import retry
from workbench.engine.cut import pool_name
from workbench.store.dead_letters import DeadLetters

LETTERS = 50


def queue_view(deployment: Deployment, owner: str | None = None) -> QueueView:
    """The current queues, leases, waiting nodes and dead letters.

    Args:
        owner: the owner whose dead letters are shown; None for all owners.

    Raises WorkbenchError: bus.unreachable, sql.unreachable.
    """
    with deployment.asking_bus() as bus:
        return _view(deployment, bus, owner)


def _view(deployment: Deployment, bus: Bus, owner: str | None) -> QueueView:
    marker = bus.marker()
    running, waiting = deployment.store.active_nodes()
    leases = []
    for held in bus.leases():
        nodes = [row for row in running if row.job == held.job and row.worker == held.worker]
        started = min((row.started_at for row in nodes if row.started_at), default=None)
        leases.append(
            LeaseView(
                job=held.job,
                segment=held.segment,
                nodes=[row.node for row in nodes],
                worker=held.worker,
                fence=held.fence,
                beats=held.beats,
                since_s=round(time.time() - started, 1) if started else None,
            )
        )
    letters = DeadLetters(deployment.store.database).list(LETTERS, owner=owner)
    return QueueView(
        phase=marker.phase or "unfamiliar",
        epoch=marker.epoch,
        pools=_pools(bus),
        leases=sorted(leases, key=lambda lease: (lease.job, lease.segment)),
        waiting=[WaitView(job=row.job, node=row.node, service=row.service, wait=row.wait) for row in waiting],
        dead_letters=[LetterView.model_validate(letter, from_attributes=True) for letter in letters],
        outbox=bus.queues.outbox_length(),
        outbox_oldest_s=bus.queues.outbox_oldest_s(),
    )


def _pools(bus: Bus) -> list[PoolView]:
    by_pool: dict[str, list[str]] = {}
    for worker in worker_manifests(bus):
        by_pool.setdefault(pool_name(worker.plane, worker.pool), []).append(worker.worker)
    held = bus.queues.held()
    oldest = bus.queues.oldest_entries()
    return [
        PoolView(
            pool=pool,
            depths={lane: bus.queues.depth(pool, lane) for lane in LANES},
            oldest_s=oldest.get(pool),
            workers=sorted(by_pool.get(pool, [])),
            paused=held.pools.get(pool),
            draining=[name for name in sorted(by_pool.get(pool, [])) if name in held.workers],
        )
        for pool in sorted({*bus.queues.pools(), *by_pool})
    ]


def pause(deployment: Deployment, pool: str, why: str) -> str:
    """Stop a pool's workers from taking segments; running ones continue. Returns the pool's full name."""
    with deployment.asking_bus() as bus:
        name = _known_pool(bus, pool)
        bus.queues.hold_pool(name, why)
    return name


def resume(deployment: Deployment, pool: str) -> bool:
    """Resume a paused pool. Returns False if it was not paused."""
    with deployment.asking_bus() as bus:
        was_held = bus.queues.resume_pool(_known_pool(bus, pool))
        bus.nudge()  # workers consumed the wake tokens while the pool was paused
    return was_held


def drain(deployment: Deployment, worker: str) -> None:
    """Let a worker finish its segments and stop. Its process ends within seconds after it becomes idle."""
    with deployment.asking_bus() as bus:
        known = sorted(bus.queues.workers())
        if worker in known:
            bus.queues.drain_worker(worker)
            return
        raise WorkbenchError(
            "worker.unknown",
            f"no worker {worker} is up",
            where="worker",
            seen=worker,
            allowed=get_close_matches(worker, known, n=3) or known or "no worker is up",
            remedy="`workbench queue` lists the workers.",
        )


def _known_pool(bus: Bus, pool: str) -> str:
    known = {view.pool for view in _pools(bus)}
    for name in (pool, f"data.{pool}"):
        if name in known:
            return name
    raise WorkbenchError(
        "pool.unknown",
        f"there is no pool {pool}: no job and no worker has used it",
        where="pool",
        seen=pool,
        allowed=sorted(known) or "no pool exists yet",
        remedy="`workbench queue` lists the pools.",
    )


def retry_all(deployment: Deployment) -> list[str]:
    """Retry all jobs that have a dead letter. Returns the ids of the new jobs.

    Jobs that still run, or that completed because the failure was handled, are skipped.
    """
    made = []
    for job in dict.fromkeys(letter.job for letter in DeadLetters(deployment.store.database).list(1000)):
        try:
            made.append(retry(deployment, job).job)
        except WorkbenchError as error:
            if error.code not in ("job.not_final", "job.nothing_to_retry"):
                raise
    return made


def purge(deployment: Deployment, job: str | None) -> int:
    """Remove a job's dead letters, or all of them; the jobs stay. Returns their number."""
    if job is not None:
        deployment.job(job)  # raises if the job is unknown
    return DeadLetters(deployment.store.database).remove(job)
