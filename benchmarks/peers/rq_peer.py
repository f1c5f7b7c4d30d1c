"""RQ: a queue on lists.

Settings: ``SimpleWorker``, which runs jobs in its own process (the default worker forks for each job: several times
slower), descriptions not logged. The chain is its own (``depends_on``); ``latest_result(timeout)`` blocks on the
result's stream.
"""

from __future__ import annotations

from typing import Any

from redis import Redis
from rq import Queue
from rq.results import Result

from benchmarks.peers.system import PAYLOAD, bus_url

WORKERS = [
    [
        "-m",
        "rq.cli",
        "worker",
        *("--url", bus_url(), "--worker-class", "rq.worker.SimpleWorker", "--quiet", "--disable-job-desc-logging"),
        "peers",
    ]
]
queue = Queue("peers", connection=Redis.from_url(bus_url(), socket_timeout=None))


def noop(payload: str) -> str:
    return payload


def submit_single() -> Any:
    return queue.enqueue(noop, PAYLOAD)


def submit_chain() -> Any:
    first = queue.enqueue(noop, PAYLOAD)
    return queue.enqueue(noop, PAYLOAD, depends_on=queue.enqueue(noop, PAYLOAD, depends_on=first))


def wait(handle: Any, poll_s: float) -> None:
    result = handle.latest_result(timeout=60)
    assert result is not None
    assert result.type is Result.Type.SUCCESSFUL
