"""Lists of jobs: one line per job, and pages with a total."""

from __future__ import annotations

from typing import Any

from pydantic import Field
from sqlalchemy import Connection, case, exists, func, or_, select

from schemas.base import Contract
from schemas.errors import ErrorInfo
from schemas.event import NodeWait
from schemas.status import JobStatus, Lane, NodeStatus, WaitReason
from workbench.store.columns import values_of
from workbench.store.job_filter import JobFilter as JobFilter
from workbench.store.job_filter import conditions_of, has_events
from workbench.store.job_order import ordered
from workbench.store.job_params import SPOKEN
from workbench.store.job_times import JobTimes, NodeSpan, first_frame_s, split
from workbench.store.tables import artifacts, job_artifacts, job_marks, job_params, jobs, node_results

TITLE_LENGTH = 80


class JobLine(Contract):
    """One job of a list, without the graph."""

    id: str
    status: JobStatus
    workflow_id: str
    owner: str
    pipeline: str
    experiment: str
    seed: int
    parent: str | None = None
    sweep: str | None = None
    lane: Lane
    tags: list[str] = Field(default_factory=list)
    graph_hash: str
    progress: float = Field(description="Share of the work that is final, 0 to 1.")
    nodes: int = Field(description="Number of nodes in the graph.")
    nodes_completed: int = Field(description="Number of nodes with a result.")
    nodes_cached: int = Field(description="Number of nodes with a cache hit.")
    error: ErrorInfo | None = None
    created_at: float
    started_at: float | None = None
    finished_at: float | None = None
    compute_seconds: float | None = Field(None, description="Sum of the wall times of its nodes, once it has ended.")
    waiting_seconds: float | None = Field(None, description="Time in which no node ran, once it has ended.")
    first_frame_seconds: float | None = Field(None, description="Time until the first frames could be played.")
    mlflow_run_id: str | None = None
    on_bus: bool = Field(False, description="Whether an event of the job was recorded.")
    title: str = Field("", description="First words of its prompt or script.")
    picture: str | None = Field(None, description="Digest of its last video or image, else of its first input.")
    picture_kind: str = Field("", description="Whether that is an image or a video.")
    waiting: dict[str, NodeWait] = Field(default_factory=dict, description="node -> what it waits for")
    starred: bool = False
    rating: int | None = Field(None, description="1 to 5, as people rated it.")
    values: dict[str, Any] = Field(default_factory=dict, description="The wanted columns that the job has.")


class JobPage(Contract):
    """One page of a list."""

    jobs: list[JobLine]
    total: int = Field(description="Number of matching jobs on all pages.")


def list_jobs(connection: Connection, wanted: JobFilter) -> JobPage:
    """Jobs that match, in the wanted order."""
    conditions = conditions_of(wanted)
    ids = list(connection.execute(ordered(wanted, conditions).limit(wanted.limit).offset(wanted.offset)).scalars())
    columns = [column for column in jobs.c if column.name in JobLine.model_fields]
    by_id = {row["id"]: row for row in connection.execute(select(*columns).where(jobs.c.id.in_(ids))).mappings()}
    ids = [job for job in ids if job in by_id]  # on PostgreSQL, one may have been deleted in the meantime
    found = [by_id[job] for job in ids]
    if 0 < len(ids) < wanted.limit or not (ids or wanted.offset):
        total = wanted.offset + len(ids)
    else:
        total = connection.execute(select(func.count()).select_from(jobs).where(*conditions)).scalar_one()
    more = {job: {**counts} for job, counts in _counts(connection, ids).items()}
    for job in _on_bus(connection, ids):
        more[job]["on_bus"] = True
    ended = {row["id"]: (row["created_at"], row["finished_at"]) for row in found if row["finished_at"] is not None}
    for job, times in _times(connection, ended).items():
        more[job] |= {"compute_seconds": times.compute_s, "waiting_seconds": times.waiting_s}
    for job, (picture, kind) in _pictures(connection, ids).items():
        more[job] |= {"picture": picture, "picture_kind": kind}
    for mark in connection.execute(select(job_marks).where(job_marks.c.job.in_(ids))):
        more[mark.job] |= {"starred": mark.starred, "rating": mark.rating}
    for name, by_job in (
        ("title", _titles),
        ("waiting", _waits),
        ("first_frame_seconds", _first_frames),
    ):
        for job, value in by_job(connection, ids).items():
            more[job][name] = value
    for job, values in values_of(connection, ids, wanted.columns).items():
        more[job]["values"] = values
    return JobPage(jobs=[JobLine.model_validate({**row, **more[row["id"]]}) for row in found], total=total)


def ids_of(connection: Connection, wanted: JobFilter, most: int) -> list[str]:
    """The ids of the jobs that match, in the wanted order; at most ``most``."""
    return list(connection.execute(ordered(wanted, conditions_of(wanted)).limit(most)).scalars())


def _counts(connection: Connection, ids: list[str]) -> dict[str, dict[str, Any]]:
    completed = node_results.c.status == NodeStatus.COMPLETED.value
    statement = (
        select(
            node_results.c.job,
            func.count().label("nodes"),
            func.sum(case((completed, 1), else_=0)).label("nodes_completed"),
            func.sum(case((node_results.c.cached, 1), else_=0)).label("nodes_cached"),
        )
        .where(node_results.c.job.in_(ids))
        .group_by(node_results.c.job)
    )
    found = connection.execute(statement).mappings().all()
    return {row["job"]: {name: row[name] for name in ("nodes", "nodes_completed", "nodes_cached")} for row in found}


def _times(connection: Connection, ended: dict[str, tuple[float, float]]) -> dict[str, JobTimes]:
    """The times of jobs that have ended, by the time of their acceptance and end."""
    columns = node_results.c
    spans: dict[str, list[NodeSpan]] = {job: [] for job in ended}
    statement = select(columns.job, columns.started_at, columns.finished_at, columns.seconds, columns.cached).where(
        columns.job.in_(ended), columns.started_at.is_not(None), columns.cached.is_(False)
    )
    for job, *span in connection.execute(statement):
        spans[job].append(NodeSpan(*span))
    return {job: split(*ended[job], spans[job]) for job in ended}


def _first_frames(connection: Connection, ids: list[str]) -> dict[str, float]:
    """The times from acceptance to the first frames, of jobs that have any."""
    columns, made = node_results.c, job_artifacts.c
    shown = (columns.first_part_at, columns.part_kind, columns.finished_at, columns.output)
    # Only the nodes with a video, because outputs may be long.
    videos = (
        exists()
        .where(made.job == columns.job, made.node == columns.node, made.role == "output")
        .where(artifacts.c.sha256 == made.sha256, artifacts.c.kind == "video")
    )
    statement = (
        select(jobs.c.id, jobs.c.created_at, *shown)
        .join(jobs, jobs.c.id == columns.job)
        .where(columns.job.in_(ids), or_(columns.part_kind == "video", videos))
    )
    found: dict[str, tuple[float, list[Any]]] = {}
    for row in connection.execute(statement):
        found.setdefault(row.id, (row.created_at, []))[1].append(row)
    times = {job: first_frame_s(*given) for job, given in found.items()}
    return {job: seconds for job, seconds in times.items() if seconds is not None}


def _on_bus(connection: Connection, ids: list[str]) -> list[str]:
    return list(connection.execute(select(jobs.c.id).where(jobs.c.id.in_(ids), has_events)).scalars())


def _titles(connection: Connection, ids: list[str]) -> dict[str, str]:
    columns, nodes = job_params.c, node_results.c
    here = columns.job.in_(ids) & columns.param.in_(SPOKEN) & (columns.text != "")
    found = connection.execute(
        select(columns.job, columns.text)
        .join(node_results, (nodes.job == columns.job) & (nodes.node == columns.node))
        .where(here)
        # The last row of a job counts. A script comes before a prompt, because it is the spoken text itself. Among
        # nodes, the first one counts: later ones may have prompts for a video model.
        .order_by(columns.param, nodes.position.desc())
    )
    return {row.job: shortened(row.text) for row in found}


def shortened(text: str) -> str:
    """The first words of a text, on one line."""
    line = " ".join(text.split())
    if len(line) <= TITLE_LENGTH:
        return line
    cut = line[: TITLE_LENGTH - 1]
    return (cut.rpartition(" ")[0] or cut) + "…"


def _pictures(connection: Connection, ids: list[str]) -> dict[str, tuple[str, str]]:
    named, nodes = job_artifacts.c, node_results.c
    statement = (
        select(named.job, named.sha256, artifacts.c.kind)
        .join(artifacts, artifacts.c.sha256 == named.sha256)
        .join(node_results, (nodes.job == named.job) & (nodes.node == named.node))
        .where(named.job.in_(ids), artifacts.c.kind.in_(("image", "video")))
        # The last row of a job counts: inputs, then images, then videos; earlier nodes before later ones.
        .order_by(named.role == "output", artifacts.c.kind == "video", nodes.position, named.name)
    )
    return {row.job: (row.sha256, row.kind) for row in connection.execute(statement)}


def _waits(connection: Connection, ids: list[str]) -> dict[str, dict[str, Any]]:
    columns = node_results.c
    here = columns.job.in_(ids) & (columns.status == NodeStatus.WAITING.value) & columns.waiting.is_not(None)
    found: dict[str, dict[str, Any]] = {}
    statement = select(columns.job, columns.node, columns.waiting).where(here).order_by(columns.position)
    for row in connection.execute(statement):
        if row.waiting["reason"] != WaitReason.NEXT_PART:  # such a node is at work
            found.setdefault(row.job, {})[row.node] = row.waiting
    return found
