"""Converts between jobs and rows: the rows stored at submit, and the job record with its current graph."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from schemas.graph import Graph
from schemas.job import JobRecord, NewJob, NodeRecord
from schemas.status import JobStatus, NodeStatus, Plane
from workbench.store.job_metrics import metric_rows
from workbench.store.job_params import param_rows
from workbench.store.record import Row, artifact_row, grant_row, named_refs
from workbench.store.tables import from_json

# The columns that a record is read from.
JOB_COLUMNS = (
    "id", "status", "graph", "graph_hash", "idempotency_key", "owner", "pipeline", "experiment", "seed", "parent",
    "sweep", "lane", "error", "created_at", "started_at", "finished_at", "mlflow_run_id",
    "tracking_error",
)  # fmt: skip
NODE_COLUMNS = (
    "node", "service", "plane", "status", "seconds", "cpu_seconds", "peak_memory_bytes", "cached", "worker", "attempt",
    "metrics", "series", "output", "error", "content_key", "started_at", "finished_at", "first_part_at", "part_kind",
    "waiting", "event_epoch", "event_seq",
)  # fmt: skip
# A node's telemetry: the name in the graph, the field of NodeRecord, the value that is omitted.
_TELEMETRY: tuple[tuple[str, str, Any], ...] = (
    ("seconds", "seconds", None),
    ("cpuSeconds", "cpu_seconds", None),
    ("peakMemoryBytes", "peak_memory_bytes", None),
    ("cached", "cached", False),
    ("worker", "worker", ""),
    ("metrics", "metrics", {}),
    ("contentKey", "content_key", ""),
    ("startedAt", "started_at", None),
    ("finishedAt", "finished_at", None),
    ("firstPartAt", "first_part_at", None),
)


@dataclass(frozen=True)
class JobRows:
    """The rows of a new job."""

    job: Row
    nodes: list[Row]
    artifacts: list[Row]
    grants: list[Row]
    params: list[Row]
    metrics: list[Row]


def new_job_rows(job: NewJob, now: float) -> JobRows:
    """The rows of an accepted job. Nodes with a cache hit are already completed."""
    shares = job.graph.progress_weights()
    nodes: list[Row] = []
    artifacts: dict[str, Row] = {}
    grants: list[Row] = []
    for position, node in enumerate(job.graph.nodes):
        done = node.status is NodeStatus.COMPLETED
        nodes.append(
            {
                "job": job.id,
                "node": node.id,
                "position": position,
                "service": node.service,
                "version": node.version,
                "plane": (node.plane or Plane.DATA).value,
                "share": shares[node.id],
                "status": node.status.value,
                "attempt": node.retries.attempt,
                "worker": "",
                "cached": done,
                "content_key": str(node.telemetry.get("contentKey", "")),
                "seconds": 0.0 if done else None,
                "cpu_seconds": 0.0 if done else None,
                "peak_memory_bytes": None,
                "metrics": node.telemetry.get("metrics") or {},
                "series": {},
                "output": node.output,
                "error": None,
                "waiting": None,
                "started_at": None,
                "finished_at": (job.created_at or now) if done else None,
                "first_part_at": None,
                "part_kind": "",
                "event_epoch": 0,
                "event_seq": 0,
            }
        )
        for role, value in (("input", {**node.params, **node.input}), ("output", node.output or {})):
            for name, ref in named_refs(value):
                artifacts[ref.sha256] = artifact_row(ref, job.created_at or now)
                grants.append(grant_row(job.id, node.id, role, name, ref))
    tags = job.graph.metadata.get("tags")
    return JobRows(
        job={
            "id": job.id,
            "idempotency_key": job.idempotency_key,
            "request_hash": request_hash(job),
            "graph_hash": job.graph_hash,
            "owner": job.owner,
            "pipeline": job.pipeline,
            "experiment": job.experiment,
            "workflow_id": job.graph.workflow_id,
            "seed": job.seed,
            "parent": job.parent,
            "sweep": job.sweep,
            "lane": job.lane.value,
            "tags": [str(tag) for tag in tags] if isinstance(tags, list) else [],
            "graph": job.graph.to_json(),
            "status": JobStatus.ACCEPTED.value,
            "progress": sum(row["share"] for row in nodes if NodeStatus(row["status"]).final),
            "error": None,
            "created_at": job.created_at or now,
            "started_at": None,
            "finished_at": None,
            "mlflow_run_id": None,
            "tracking": "",
            "tracking_tries": 0,
            "tracking_after": 0.0,
            "tracking_error": None,
        },
        nodes=nodes,
        artifacts=list(artifacts.values()),
        grants=grants,
        params=[row for node in job.graph.nodes for row in param_rows(job.id, node)],
        metrics=[row for node in nodes for row in metric_rows(job.id, node["node"], node["metrics"])],
    )


def request_hash(job: NewJob) -> str:
    """SHA-256 of the submit: the graph without its state, seed, owner, experiment, pipeline, parent and sweep."""
    request = [job.graph_hash, job.seed, job.owner, job.experiment, job.pipeline, job.parent, job.sweep]
    return hashlib.sha256(orjson.dumps(request)).hexdigest()


def job_record(job: Sequence[Any], nodes: Sequence[Sequence[Any]]) -> JobRecord:
    """The record of a job from its row (``JOB_COLUMNS``) and those of its nodes (``NODE_COLUMNS``)."""
    fields = dict(zip(JOB_COLUMNS, job, strict=True))
    graph = Graph.model_validate_json(fields.pop("graph"))
    rows = {row[0]: row for row in nodes}
    records = []
    for node in graph.nodes:
        row = dict(zip(NODE_COLUMNS, rows[node.id], strict=True))
        row |= {name: from_json(row[name]) for name in ("metrics", "series", "output", "error")}
        waiting = from_json(row.pop("waiting"))
        number = {"epoch": row.pop("event_epoch"), "seq": row.pop("event_seq")}
        state = NodeRecord.model_validate({"id": row.pop("node"), "wait": waiting or None, **number, **row})
        records.append(state)
        node.status, node.output, node.error = state.status, state.output, state.error
        node.retries.attempt = state.attempt
        node.telemetry = node.telemetry | _telemetry(state) | ({} if waiting is None else {"waiting": waiting})
    return JobRecord.model_validate({**fields, "graph": graph, "nodes": records, "error": from_json(fields["error"])})


def _telemetry(state: NodeRecord) -> dict[str, Any]:
    """The measured values of the node's last attempt, without those that still have their initial value."""
    return {name: value for name, key, absent in _TELEMETRY if (value := getattr(state, key)) != absent}
