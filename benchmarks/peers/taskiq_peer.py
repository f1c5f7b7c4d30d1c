"""taskiq with taskiq-redis: the broker on Redis Streams, and Redis results.

Settings: one process, one task at a time, ``--no-parse`` (arguments are not validated), orjson for tasks and results,
uvloop, which its worker uses where it is installed. taskiq itself has no chains: each task kicks the next, under an id
that the client chose for the last. Clients poll for a result (``wait_result``); the default of 200 ms is set to 1 ms.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from taskiq.serializers import ORJSONSerializer
from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker

from benchmarks.peers.system import CHAIN_LENGTH, PAYLOAD, bus_url

backend: RedisAsyncResultBackend[Any] = RedisAsyncResultBackend(
    bus_url(), result_ex_time=600, serializer=ORJSONSerializer()
)
broker = RedisStreamBroker(bus_url()).with_result_backend(backend).with_serializer(ORJSONSerializer())
WORKERS = [
    [
        "-m",
        "taskiq",
        "worker",
        "benchmarks.peers.taskiq_peer:broker",
        *("--workers", "1", "--max-async-tasks", "1", "--no-parse", "--log-level", "WARNING"),
    ]
]


@broker.task(task_name="noop")
async def noop(payload: str) -> str:
    return payload


@broker.task(task_name="link")
async def link(payload: str, left: int, last: str) -> str:
    """One task of a chain with ``left`` more behind it."""
    if left:
        kicker = link.kicker()
        await (kicker.with_task_id(last) if left == 1 else kicker).kiq(payload, left - 1, last)
    return payload


@asynccontextmanager
async def client() -> AsyncIterator[None]:
    await broker.startup()
    yield
    await broker.shutdown()


async def submit_single() -> Any:
    return await noop.kiq(PAYLOAD)


async def submit_chain() -> Any:
    from taskiq.task import AsyncTaskiqTask

    last = uuid4().hex
    await link.kiq(PAYLOAD, CHAIN_LENGTH - 1, last)
    return AsyncTaskiqTask(last, backend)


async def wait(handle: Any, poll_s: float) -> None:
    result = await handle.wait_result(check_interval=poll_s, timeout=60)
    assert result.return_value == PAYLOAD
