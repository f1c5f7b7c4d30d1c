"""The floor: the same three hops on bare Redis Streams, with nothing recorded, leased or validated.

Two worker processes read their stream in a consumer group, pass the message on and acknowledge it; the client waits for
it on a stream of its own. Run as ``python -m benchmarks.floor URL NAME`` for one worker.
"""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

import redis

HOPS = ("floor:control", "floor:data", "floor:control")


def work(url: str, name: str) -> None:
    """One worker: for ever."""
    client = redis.Redis.from_url(url)
    stream = f"floor:{name}"
    try:
        client.xgroup_create(stream, "workers", id="0", mkstream=True)
    except redis.ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise
    while True:
        answer: Any = client.xreadgroup("workers", name, {stream: ">"}, count=1, block=1000)
        for _, entries in answer or []:
            for entry_id, fields in entries:
                hop = int(fields[b"hop"]) + 1
                target = HOPS[hop] if hop < len(HOPS) else fields[b"reply"]
                pipe = client.pipeline(transaction=False)
                pipe.xadd(target, {"hop": hop, "reply": fields[b"reply"], "body": fields[b"body"]})
                pipe.xack(stream, "workers", entry_id)
                pipe.execute()


class Floor:
    """Both workers, and the client's side of a chain."""

    def __init__(self, url: str) -> None:
        self.client = redis.Redis.from_url(url)
        self._workers = [
            subprocess.Popen([sys.executable, "-m", "benchmarks.floor", url, name]) for name in ("control", "data")
        ]
        self._count = 0
        until = time.monotonic() + 30
        while not all(self.client.exists(f"floor:{name}") for name in ("control", "data")):
            assert time.monotonic() < until, "the floor's workers did not start"
            time.sleep(0.02)

    def chain_ms(self) -> float:
        """One chain of three hops: milliseconds from sending to the answer."""
        self._count += 1
        reply = f"floor:reply:{self._count}"
        began = time.perf_counter()
        self.client.xadd(HOPS[0], {"hop": 0, "reply": reply, "body": "x" * 400})
        answer = self.client.xread({reply: "0-0"}, block=5000)
        elapsed = (time.perf_counter() - began) * 1e3
        assert answer
        self.client.delete(reply)
        return elapsed

    def close(self) -> None:
        for worker in self._workers:
            worker.kill()
            worker.wait()


if __name__ == "__main__":
    work(sys.argv[1], sys.argv[2])
