"""arq: a queue on sorted sets whose worker polls.

Settings: ``max_jobs=1``, ``poll_delay=0.01`` in the worker (default 0.5 s). It has no chains: each job
enqueues the next, under an id that the client chose for the last. Clients poll for a result; the default of 0.5 s is
set to 1 ms. Its declared bound on redis-py lies below the version used here, with which it works all the same.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from arq import ArqRedis, create_pool
from arq.connections import RedisSettings
from arq.jobs import Job, JobStatus

from benchmarks.peers.system import CHAIN_LENGTH, PAYLOAD, bus_url

WORKERS = [["-m", "arq", "benchmarks.peers.arq_peer.WorkerSettings"]]
_pool: ArqRedis


async def noop(ctx: dict[str, Any], payload: str) -> str:
    return payload


async def link(ctx: dict[str, Any], payload: str, left: int, last: str) -> str:
    """One job of a chain with ``left`` more behind it."""
    if left:
        await ctx["redis"].enqueue_job("link", payload, left - 1, last, _job_id=last if left == 1 else None)
    return payload


class WorkerSettings:
    """What arq's command line reads."""

    functions = (noop, link)
    redis_settings = RedisSettings.from_dsn(bus_url())
    max_jobs = 1
    poll_delay = 0.01
    keep_result = 600
    log_results = False


@asynccontextmanager
async def client() -> AsyncIterator[None]:
    global _pool
    _pool = await create_pool(WorkerSettings.redis_settings)
    yield
    await _pool.aclose()


async def submit_single() -> Any:
    return await _pool.enqueue_job("noop", PAYLOAD)


async def submit_chain() -> Any:
    last = uuid4().hex
    await _pool.enqueue_job("link", PAYLOAD, CHAIN_LENGTH - 1, last)
    return Job(last, _pool)


async def wait(handle: Any, poll_s: float) -> None:
    import asyncio

    while await handle.status() is JobStatus.not_found:  # a job that does not exist yet cannot be waited for
        await asyncio.sleep(poll_s)
    assert await handle.result(60, poll_delay=poll_s) == PAYLOAD
