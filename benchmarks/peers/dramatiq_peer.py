"""Dramatiq, with its Redis broker (lists moved by Lua) and Redis results.

Settings: one process, one thread. Its consumer polls: with ``dramatiq_worker_timeout=10`` it looks at least every 10 ms
instead of backing off to a second. Middleware that no-op tasks do not need (Prometheus, time limits, age limits) is
left out; retries stay. The chain is its own (``pipeline``); ``get_result(block=True)`` blocks on a list.
"""

from __future__ import annotations

import os
from typing import Any

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import Callbacks, Pipelines, Retries
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

from benchmarks.peers.system import PAYLOAD, bus_url

os.environ.setdefault("dramatiq_worker_timeout", "10")
backend = RedisBackend(client=redis.Redis.from_url(bus_url(), socket_timeout=None))
broker = RedisBroker(url=bus_url(), middleware=[Callbacks(), Pipelines(), Retries(), Results(backend=backend)])
dramatiq.set_broker(broker)
WORKERS = [["-m", "dramatiq", "benchmarks.peers.dramatiq_peer:broker", "--processes", "1", "--threads", "1"]]


@dramatiq.actor(store_results=True)
def noop(payload: str) -> str:
    return payload


def submit_single() -> Any:
    return noop.send(PAYLOAD)


def submit_chain() -> Any:
    return dramatiq.pipeline([noop.message(PAYLOAD), noop.message(), noop.message()]).run()


def wait(handle: Any, poll_s: float) -> None:
    assert handle.get_result(block=True, timeout=60_000) == PAYLOAD
