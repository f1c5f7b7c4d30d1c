"""streaQ: a queue on Redis Streams with Lua functions, by way of coredis.

Settings: ``concurrency=1``, task logs off, its default serializer (pickle). uvloop for worker and client. The chain is
its own (``a | b | c``, one pipeline of commands); ``result()`` waits on Pub/Sub.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from streaq import Worker

from benchmarks.peers.system import PAYLOAD, bus_url

worker: Worker[Any] = Worker(redis_url=bus_url(), concurrency=1, anyio_kwargs={"use_uvloop": True})
WORKERS = [["-m", "streaq", "run", "benchmarks.peers.streaq_peer:worker"]]


@worker.task(silent=True)
async def noop(payload: str) -> str:
    return payload


@asynccontextmanager
async def client() -> AsyncIterator[None]:
    async with worker:
        yield


async def submit_single() -> Any:
    return await noop.enqueue(PAYLOAD)


async def submit_chain() -> Any:
    return await (noop.enqueue(PAYLOAD) | noop | noop)


async def wait(handle: Any, poll_s: float) -> None:
    assert (await handle.result(60)).result == PAYLOAD
