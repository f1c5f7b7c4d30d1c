"""Celery, with its Redis transport (lists) and Redis results.

Settings: the ``solo`` pool, which runs tasks in the worker's own process one at a time and so saves the hop to a child
that ``prefork`` makes; no gossip, mingle or heartbeat between workers; no task events, no remote control. JSON is its
default. The chain is Celery's own (``a | b | c``); ``get()`` waits on Pub/Sub, as its users do.
"""

from __future__ import annotations

from typing import Any

from celery import Celery

from benchmarks.peers.system import PAYLOAD, bus_url

app = Celery("peers", broker=bus_url(), backend=bus_url())
app.conf.update(
    broker_connection_retry_on_startup=True,
    worker_enable_remote_control=False,
    worker_hijack_root_logger=False,
    result_expires=600,
    task_default_queue="peers",
)
WORKERS = [
    [
        "-m",
        "celery",
        "-A",
        "benchmarks.peers.celery_peer",
        "worker",
        *("--pool=solo", "--concurrency=1", "--loglevel=warning"),
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
    ]
]


@app.task(name="noop")
def noop(payload: str) -> str:
    return payload


def submit_single() -> Any:
    return noop.delay(PAYLOAD)


def submit_chain() -> Any:
    return (noop.s(PAYLOAD) | noop.s() | noop.s()).delay()


def wait(handle: Any, poll_s: float) -> None:
    assert handle.get(timeout=60) == PAYLOAD
