"""The operations on jobs that the HTTP API and the notebook share: they check access and build the responses."""

from __future__ import annotations

from fractions import Fraction
from importlib import metadata

from schemas.access import SessionInfo
from schemas.api import (
    AcceptedJob,
    ApprovalRequest,
    ArtifactEntry,
    ArtifactList,
    CancelAnswer,
    JobAnswer,
    JobInFull,
    JobState,
    JobSummary,
    PartEntry,
    PartList,
    Waiting,
    api_status,
)
from schemas.approval import Decision
from schemas.errors import WorkbenchError
from schemas.job import JobRecord
from schemas.refs import ImageRef, Ref, VideoRef
from schemas.status import JobStatus
from workbench.client import review
from workbench.client.access import User, changeable, may_see_mlflow, run_link, visible
from workbench.client.deployment import Deployment
from workbench.client.metric_meanings import meanings
from workbench.client.mlflow_access import PATH as MLFLOW_PATH
from workbench.client.submit import pipeline_request
from workbench.client.view import named_artifacts
from workbench.engine.accept import Accepted, streams_of, warnings_of
from workbench.store.listing import JobFilter, JobLine

NEWEST_EVENTS = 50
_IMAGES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG": "image/png", b"RIFF": "image/webp"}


def job_answer(deployment: Deployment, user: User, job_id: str) -> JobAnswer:
    """All data of a job, with its newest events. Raises WorkbenchError (job.unknown)."""
    record = visible(user, deployment.job(job_id))
    return JobAnswer(
        job=in_full(deployment, record, user), events=list(deployment.store.newest_events(record.id, NEWEST_EVENTS))
    )


def artifact_list(deployment: Deployment, user: User, job_id: str) -> ArtifactList:
    """The files that a job used and made, in node order. Raises WorkbenchError (job.unknown)."""
    record = visible(user, deployment.job(job_id))
    return ArtifactList(artifacts=[artifact_entry(*named) for named in named_artifacts(record)])


def preview_of(deployment: Deployment, user: User, job_id: str, node: str) -> tuple[bytes, str]:
    """The newest preview of a node and its media type. Raises WorkbenchError: job.unknown, artifact.unknown."""
    visible(user, deployment.job(job_id))
    image = deployment.preview(job_id, node)
    media_type = next((kind for head, kind in _IMAGES.items() if image and image.startswith(head)), None)
    if image is None or media_type is None:  # only images are served
        raise nothing_of(job_id, node, "preview")
    return image, media_type


def nothing_of(job_id: str, node: str, what: str) -> WorkbenchError:
    """The error for a preview or part that a node does not have now."""
    return WorkbenchError(
        "artifact.unknown",
        f"node {node} has no {what} now",
        where=f"job {job_id}: node {node}",
        remedy="Previews and parts exist while the node runs; GET /api/jobs/{id}/artifacts lists its results.",
    )


def cancel(deployment: Deployment, user: User, job_id: str) -> CancelAnswer:
    """Stop a job. A second cancel changes nothing.

    Raises WorkbenchError: job.unknown, access.forbidden; job.ended if it completed or failed before.
    """
    changeable(user, deployment.job(job_id))
    cancelled = deployment.cancel(job_id)
    if not cancelled and (end := deployment.end_of(job_id)) is not JobStatus.CANCELLED:
        raise WorkbenchError(
            "job.ended",
            f"job {job_id} has already {end}",
            where=f"job {job_id}",
            seen=end.value,
            allowed="a job that has not ended",
            remedy="`workbench job show` shows its results; `workbench job delete` removes them.",
        )
    return CancelAnswer(**state_answer(line_of(deployment, job_id)).model_dump(), cancelled=cancelled)


def decide(deployment: Deployment, user: User, job_id: str, asked: ApprovalRequest) -> Decision:
    """Approve or reject the text that a job asks about.

    Raises WorkbenchError: job.unknown, access.forbidden, review.*.
    """
    changeable(user, deployment.job(job_id))
    if asked.reject is not None:
        return review.reject(deployment, job_id, asked.node, reason=asked.reject, author=user.name)
    return review.approve(deployment, job_id, asked.node, text=asked.text, author=user.name)


def session_answer(deployment: Deployment, user: User, *, login: bool = False, csrf_token: str = "") -> SessionInfo:
    """The current user, and the properties of this workbench."""
    return SessionInfo(
        user=user.name,
        role=user.role,
        login=login,
        csrf_token=csrf_token,
        mlflow_url=f"{MLFLOW_PATH}/" if may_see_mlflow(user, deployment.settings) else "",
        version=metadata.version("talking-head-workbench"),
    )


def line_of(deployment: Deployment, job: str) -> JobLine:
    """The list entry of a job. Raises WorkbenchError (job.unknown)."""
    found = deployment.store.list(JobFilter(ids=[job], limit=1)).jobs
    if not found:
        deployment.job(job)
    return found[0]


def accepted_answer(deployment: Deployment, accepted: Accepted) -> AcceptedJob:
    line = line_of(deployment, accepted.job)
    return AcceptedJob(
        **dict(state_answer(line)),
        created=line.created_at,
        unserved=list(accepted.unserved),
        warnings=list(accepted.warnings),
        streams=list(accepted.streams),
    )


def state_answer(line: JobLine) -> JobState:
    return JobState(
        job_id=line.id,
        status=api_status(line.status, on_bus=line.on_bus),
        progress=min(1.0, max(0.0, line.progress)),
    )


def part_list(deployment: Deployment, job_id: str, node: str) -> PartList:
    """The finished parts of a node, in order. Raises WorkbenchError (bus.unreachable)."""
    base, start, parts = f"/api/jobs/{job_id}/nodes/{node}/parts", Fraction(0), []
    for index, ref in enumerate(deployment.parts(job_id, node)):
        parts.append(PartEntry(index=index, url=f"{base}/{index}", start_s=float(start)))
        if isinstance(ref, VideoRef):
            start += ref.length
    return PartList(parts=parts)


def summary(line: JobLine) -> JobSummary:
    end = line.finished_at
    return JobSummary(
        **dict(state_answer(line)),
        created=line.created_at,
        pipeline=line.pipeline,
        experiment=line.experiment,
        owner=line.owner,
        seconds=None if end is None else max(0.0, round(end - line.created_at, 3)),
        compute_seconds=line.compute_seconds,
        waiting_seconds=line.waiting_seconds,
        first_frame_seconds=line.first_frame_seconds,
        error=line.error,
        thumbnail=f"/api/artifacts/{line.picture}/thumbnail" if line.picture else None,
        title=line.title or (line.workflow_id if not line.pipeline else ""),
        waiting="; ".join(dict.fromkeys(wait.sentence() for wait in line.waiting.values())),
        parent=line.parent,
        sweep=line.sweep,
        video=f"/api/artifacts/{line.picture}" if line.picture_kind == "video" else None,
        starred=line.starred,
        rating=line.rating,
        tags=line.tags,
        values=line.values,
    )


def in_full(deployment: Deployment, record: JobRecord, user: User) -> JobInFull:
    """All data of a job. Needs one more query than the record."""
    line = line_of(deployment, record.id)
    return JobInFull(
        **dict(summary(line)),
        seed=record.seed,
        lane=record.lane,
        graph_hash=record.graph_hash,
        started_at=record.started_at,
        finished_at=record.finished_at,
        nodes=list(record.nodes),
        waits=[
            Waiting(node=node, reason=wait.reason.value, sentence=wait.sentence(), question=wait.question)
            for node, wait in line.waiting.items()
        ],
        warnings=warnings_of(record.graph),
        streams=streams_of(record.graph),
        last_graph=record.graph,
        options=pipeline_request(record.graph),
        mlflow_run=run_link(deployment, record, user),
        tracking_error=record.tracking_error,
        may_change=user.may_change(record.owner),
        metric_meanings=meanings(deployment, record.nodes),
    )


def artifact_entry(node: str, role: str, name: str, ref: Ref) -> ArtifactEntry:
    url = f"/api/artifacts/{ref.sha256}"
    thumbnail = f"{url}/thumbnail" if isinstance(ref, ImageRef | VideoRef) else None
    shown = ref.model_dump(mode="json", by_alias=True, exclude_none=True)
    return ArtifactEntry.model_validate(
        {"node": node, "role": role, "name": name, "ref": shown, "url": url, "thumbnail": thumbnail}
    )
