"""streaQ: a queue on Redis Streams with Lua functions, by way of coredis.

Settings: ``concurrency=1``, task logs off, its default serializer (pickle), uvloop for worker and client. The chain is
its own (``a | b | c``, one pipeline of commands). The client polls ``status()``: with streaQ 7.2 on coredis 6.9 its
``result()`` returns a tenth of a second after the result is there, because closing a subscription waits out a time
limit. That would hide what the queue itself takes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from streaq import TaskStatus, Worker

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
    async with asyncio.timeout(60):
        while await handle.status() is not TaskStatus.DONE:
            await asyncio.sleep(poll_s)
