"""The floor: bare Redis Streams with a consumer group, nothing recorded, leased or validated (`benchmarks/floor.py`).

Its three hops go over two workers, control -> data -> control, as the workbench's do.
"""

from __future__ import annotations

from itertools import count
from typing import Any

import redis

from benchmarks.floor import HOPS
from benchmarks.peers.system import PAYLOAD, bus_url

WORKERS = [["-m", "benchmarks.floor", bus_url(), name] for name in ("control", "data")]
_client = redis.Redis.from_url(bus_url(), socket_timeout=None)  # waits longer than the default of a socket
_replies = count()


def _submit(hop: int) -> str:
    reply = f"floor:reply:{next(_replies)}"
    _client.xadd(HOPS[hop], {"hop": hop, "reply": reply, "body": PAYLOAD})
    return reply


def submit_single() -> Any:
    return _submit(len(HOPS) - 1)


def submit_chain() -> Any:
    return _submit(0)


def wait(handle: Any, poll_s: float) -> None:
    assert _client.xread({handle: "0-0"}, block=60_000)
    _client.delete(handle)
