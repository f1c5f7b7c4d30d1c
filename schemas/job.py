"""A job as front ends show it and as the store keeps it."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from schemas.base import Contract
from schemas.errors import ErrorInfo
from schemas.event import NodeWait
from schemas.graph import Graph
from schemas.series import Series, SeriesSummary
from schemas.status import JobStatus, Lane, NodeStatus, Plane, WaitReason


class NewJob(Contract):
    """A job as it is accepted into the store."""

    id: str
    graph: Graph = Field(description="Validated, with pinned versions; nodes with a cache hit are completed.")
    graph_hash: str = Field(description="SHA-256 of the graph without the state of its nodes.")
    idempotency_key: str | None = Field(None, max_length=200)
    owner: str = "local"
    pipeline: str = ""
    experiment: str = "workbench"
    seed: int = 0
    parent: str | None = Field(None, description="The job that this one repeats.")
    sweep: str | None = None
    lane: Lane = Field(Lane.INTERACTIVE, description="The queue that its segments wait in.")
    created_at: float = 0.0


class NodeRecord(Contract):
    """One node of a job, with the resources that its last attempt used."""

    id: str
    service: str
    plane: Plane
    status: NodeStatus = NodeStatus.PENDING
    seconds: float | None = None
    cpu_seconds: float | None = None
    peak_memory_bytes: int | None = None
    cached: bool = False
    worker: str = ""
    attempt: int = 0
    metrics: dict[str, float] = Field(default_factory=dict)
    series: Series = Field(default_factory=dict, description="Metrics over steps, by name.")
    output: dict[str, Any] | None = None
    error: ErrorInfo | None = None
    content_key: str = ""
    started_at: float | None = None
    finished_at: float | None = None
    first_part_at: float | None = Field(None, description="When the first part of its output was finished.")
    part_kind: str = Field("", description="What its parts are: video, audio, …")
    wait: NodeWait | None = Field(None, description="What it waits for, while it does.")
    epoch: int = Field(0, description="Of the last event that changed it.")
    seq: int = Field(0, description="Of the last event that changed it.")

    @property
    def between_parts(self) -> bool:
        """Whether it waits for the next part of an input, so that it has started and goes on by itself."""
        return self.wait is not None and self.wait.reason is WaitReason.NEXT_PART

    @property
    def in_progress(self) -> bool:
        """Whether it runs, or waits for the next part of an input."""
        return self.status is NodeStatus.RUNNING or self.between_parts


class JobRecord(Contract):
    """A job in the store: the submitted graph merged with the state of its nodes."""

    id: str
    status: JobStatus
    graph: Graph
    graph_hash: str
    idempotency_key: str | None = None
    owner: str = "local"
    pipeline: str = ""
    experiment: str = "workbench"
    seed: int = 0
    parent: str | None = None
    sweep: str | None = None
    lane: Lane = Lane.INTERACTIVE
    error: ErrorInfo | None = None
    created_at: float = 0.0
    started_at: float | None = None
    finished_at: float | None = None
    mlflow_run_id: str | None = None
    tracking_error: str | None = Field(None, description="Why MLflow has no complete record of it, if that is known.")
    nodes: list[NodeRecord] = Field(default_factory=list)

    def node(self, node_id: str) -> NodeRecord:
        """The node with this id. Raises KeyError."""
        for node in self.nodes:
            if node.id == node_id:
                return node
        raise KeyError(node_id)


class NodeView(Contract):
    """One node of a job, as front ends list it."""

    id: str
    service: str
    plane: Plane
    status: NodeStatus
    seconds: float | None = None
    cached: bool = False
    worker: str = ""
    attempt: int = 0


class JobView(Contract):
    """The output of ``workbench run --json`` and ``workbench job show --json``."""

    job_id: str
    status: JobStatus
    video: str | None = Field(None, description="Path of the final video on this machine, once it exists.")
    seconds: float | None = Field(
        None,
        description="Time from acceptance to the final state, with all waiting. Compare runs by `computeSeconds`.",
    )
    compute_seconds: float | None = Field(
        None, description="Sum of the wall times of its nodes, once the job has ended. Cache hits count nothing."
    )
    waiting_seconds: float | None = Field(
        None,
        description="Time in which none of its nodes ran, once it has ended: queues, approvals, pauses for retries.",
    )
    first_frame_seconds: float | None = Field(
        None, description="Time from acceptance until the first frames of a video could be played."
    )
    mlflow_run: str | None = Field(None, description="URL of the run's page, once it is recorded and an app serves it.")
    tracking_error: str | None = Field(None, description="Why MLflow has no complete record of it, if that is known.")
    nodes: list[NodeView] = Field(default_factory=list)
    metrics: dict[str, float] = Field(default_factory=dict, description="node.metric -> value")
    series: dict[str, SeriesSummary] = Field(
        default_factory=dict, description="node.metric -> a summary of a metric over steps"
    )
    error: ErrorInfo | None = None
