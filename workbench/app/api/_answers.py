"""Records of the store as the HTTP API shows them."""

from __future__ import annotations

from schemas.api import (
    AcceptedJob,
    ArtifactEntry,
    JobInFull,
    JobState,
    JobSummary,
    Waiting,
    api_status,
)
from schemas.event import NodeWait
from schemas.job import JobRecord
from schemas.refs import ImageRef, Ref, VideoRef
from workbench.app.identity import User
from workbench.app.mlflow.access import run_link
from workbench.client.bench import Bench
from workbench.client.submit import asked_for
from workbench.engine.accept import Accepted
from workbench.store.listing import JobFilter, JobLine


def line_of(bench: Bench, job: str) -> JobLine:
    """A job's line. Raises WorkbenchError (job.unknown)."""
    found = bench.store.list(JobFilter(ids=[job], limit=1)).jobs
    if not found:
        bench.job(job)
    return found[0]


def accepted_answer(bench: Bench, accepted: Accepted) -> AcceptedJob:
    line = line_of(bench, accepted.job)
    return AcceptedJob(**_state(line), created=line.created_at, unserved=list(accepted.unserved))


def state_answer(line: JobLine) -> JobState:
    return JobState.model_validate(_state(line))


def summary(line: JobLine) -> JobSummary:
    return JobSummary.model_validate(_summary(line))


def in_full(bench: Bench, record: JobRecord, user: User) -> JobInFull:
    """Everything about a job; one question more than its record."""
    line = line_of(bench, record.id)
    return JobInFull.model_validate(
        {
            **_summary(line),
            "seed": record.seed,
            "lane": record.lane,
            "graph_hash": record.graph_hash,
            "started_at": record.started_at,
            "finished_at": record.finished_at,
            "nodes": record.nodes,
            "waits": [_waiting(node, wait) for node, wait in line.waiting.items()],
            "last_graph": record.graph,
            "options": asked_for(record.graph),
            "mlflow_run": run_link(bench, record, user),
            "may_change": user.may_change(record.owner),
        }
    )


def artifact_entry(node: str, role: str, name: str, ref: Ref) -> ArtifactEntry:
    url = f"/api/artifacts/{ref.sha256}"
    return ArtifactEntry.model_validate(
        {
            "node": node,
            "role": role,
            "name": name,
            "ref": ref.model_dump(mode="json", by_alias=True, exclude_none=True),
            "url": url,
            "thumbnail": f"{url}/thumbnail" if isinstance(ref, ImageRef | VideoRef) else None,
        }
    )


def _state(line: JobLine) -> dict[str, object]:
    return {
        "job_id": line.id,
        "status": api_status(line.status, on_bus=line.on_bus),
        "progress": min(1.0, max(0.0, line.progress)),
    }


def _summary(line: JobLine) -> dict[str, object]:
    end = line.finished_at
    return {
        **_state(line),
        "created": line.created_at,
        "pipeline": line.pipeline,
        "experiment": line.experiment,
        "owner": line.owner,
        "seconds": None if end is None else max(0.0, round(end - line.created_at, 3)),
        "error": line.error,
        "thumbnail": f"/api/artifacts/{line.picture}/thumbnail" if line.picture else None,
        "title": line.title or (line.workflow_id if not line.pipeline else ""),
        "waiting": "; ".join(dict.fromkeys(wait.sentence() for wait in line.waiting.values())),
        "parent": line.parent,
        "sweep": line.sweep,
    }


def _waiting(node: str, wait: NodeWait) -> Waiting:
    return Waiting(node=node, reason=wait.reason.value, sentence=wait.sentence(), question=wait.question)
