"""Jobs and events in the form of the engine and the bus, for tests of the store."""

from __future__ import annotations

import hashlib
import itertools
import uuid
from pathlib import Path
from typing import Any

from schemas.errors import ErrorInfo
from schemas.event import Event, EventType, NodeFailure, NodeResult, NodeStart
from schemas.graph import Graph
from schemas.job import NewJob
from schemas.refs import REF_TYPES, Ref

NODES = [
    ("script", "generate.script", "control"),
    ("speech", "generate.hibari_tts", "data"),
    ("video", "generate.animate", "data"),
    ("final", "generate.remux", "data"),
]


def make_ref(path: Path, kind: str, **facts: Any) -> Ref:
    """A reference to a file's bytes."""
    data = path.read_bytes()
    return REF_TYPES[kind].model_validate(
        {"sha256": hashlib.sha256(data).hexdigest(), "size_bytes": len(data), "kind": kind, **facts}
    )


def fake_ref(seed: str, kind: str = "video") -> Ref:
    """A reference to bytes that do not exist: enough for SQL."""
    return REF_TYPES[kind].model_validate({"sha256": hashlib.sha256(seed.encode()).hexdigest(), "size_bytes": 7})


def make_job(
    job_id: str = "", params: dict[str, dict[str, Any]] | None = None, nodes: Any = NODES, **fields: Any
) -> NewJob:
    """A chain of nodes; ``params`` by node id."""
    ids = [node[0] for node in nodes]
    graph = Graph.model_validate(
        {
            "schema": "langgraph.v1",
            "workflowId": "talking-head",
            "metadata": {"tags": ["first", "demo"]},
            "nodes": [
                {"id": n, "service": service, "plane": plane, "version": "1.0.0", "params": (params or {}).get(n, {})}
                for n, service, plane in nodes
            ],
            "edges": [{"from": a, "to": b} for a, b in itertools.pairwise(ids)],
        }
    )
    asked = {"id": job_id or uuid.uuid4().hex, "graph": graph, "created_at": 1_700_000_000.0, "pipeline": "plain"}
    digest = hashlib.sha256(graph.to_json()).hexdigest()
    return NewJob.model_validate({"graph_hash": digest, **asked, **fields})


def running(job: str, seq: int, node: str, at: float = 1_700_000_001.0, epoch: int = 1, **start: Any) -> Event:
    data = NodeStart(worker="w1", **start).model_dump(mode="json", by_alias=True)
    return Event(job=job, epoch=epoch, seq=seq, type=EventType.NODE_RUNNING, node=node, data=data, at=at)


def completed(job: str, seq: int, node: str, output: dict[str, Any], epoch: int = 1, **figures: Any) -> Event:
    result = {
        "output": output,
        "seconds": 1.5,
        "cpu_seconds": 1.2,
        "peak_memory_bytes": 200 << 20,
        "worker": "w1",
        "started_at": 1_700_000_000.0 + seq,
        "finished_at": 1_700_000_001.5 + seq,
        "content_key": hashlib.sha256(node.encode()).hexdigest(),
        **figures,
    }
    data = NodeResult.model_validate(result).model_dump(mode="json", by_alias=True)
    at = 1_700_000_001.5 + seq
    return Event(job=job, epoch=epoch, seq=seq, type=EventType.NODE_COMPLETED, node=node, data=data, at=at)


def failed(job: str, seq: int, node: str, retry: bool = False, **fields: Any) -> Event:
    error = ErrorInfo(message="the face was lost", code="node.failed")
    data = NodeFailure(error=error, worker="w1", **fields).model_dump(mode="json", by_alias=True)
    kind = EventType.NODE_RETRYING if retry else EventType.NODE_FAILED
    return Event(job=job, epoch=1, seq=seq, type=kind, node=node, data=data, at=1_700_000_003.0)


def plain(job: str, seq: int, kind: EventType, node: str = "", at: float = 1_700_000_010.0, **data: Any) -> Event:
    return Event(job=job, epoch=1, seq=seq, type=kind, node=node, data=data, at=at)


def whole_run(job: str, outputs: dict[str, dict[str, Any]], **figures: Any) -> list[Event]:
    """Accepted, each node of ``outputs`` running and completed, the job completed."""
    events = [plain(job, 1, EventType.JOB_ACCEPTED, at=1_700_000_000.0)]
    for node, output in outputs.items():
        events.append(running(job, len(events) + 1, node, at=1_700_000_000.0 + len(events)))
        events.append(completed(job, len(events) + 1, node, output, **figures))
    events.append(plain(job, len(events) + 1, EventType.JOB_COMPLETED, at=1_700_000_020.0))
    return events
