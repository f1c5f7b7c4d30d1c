"""The workbench: the whole product, from the client's submit to the job's last event.

That is validation, the job written to SQL (SQLite), the bus, leases and fences, LangGraph in the executors, results and
events committed. One control plane with one executor, one data worker with one. A single task is a graph of one data
node; the chain is the one of `benchmarks/hop.py`, control -> data -> control.
"""

from __future__ import annotations

import threading
from typing import Any

from benchmarks.hop import CHAIN
from benchmarks.peers.system import PAYLOAD
from workbench.client.deployment import Deployment
from workbench.client.submit import submit_graph
from workbench.engine.accept import Request
from workbench.settings import load_settings

WORKERS: list[list[str]] = []  # the stack runs already
GIVEN = {"input": {"payload": PAYLOAD}}
SINGLE = {**CHAIN, "nodes": [{"id": "b", "service": "deployment.data", **GIVEN}], "edges": []}
FED_CHAIN = {**CHAIN, "nodes": [{**CHAIN["nodes"][0], **GIVEN}, *CHAIN["nodes"][1:]]}
_own = threading.local()  # a Deployment's bus belongs to one thread


def _deployment() -> Deployment:
    if not hasattr(_own, "deployment"):
        _own.deployment = Deployment(load_settings())
    deployment: Deployment = _own.deployment
    return deployment


def submit_single() -> Any:
    return submit_graph(_deployment(), Request(SINGLE)).job


def submit_chain() -> Any:
    return submit_graph(_deployment(), Request(FED_CHAIN)).job


def wait(handle: Any, poll_s: float) -> None:
    last = None
    for update in _deployment().watch(handle):
        last = update.events[-1] if update.events else last
    assert last is not None
    assert last.type.value == "job.completed", last
