"""Events of a job: numbered state changes, kept on the bus while the job is open and in SQL permanently.

An event's number is ``<epoch>-<seq>``: the epoch grows when the bus loses its memory, ``seq`` counts within the job.
The bus scripts write the number, the type and the node; ``data`` is one of the models below and opaque to the scripts.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import Field

from schemas.approval import Question
from schemas.base import Contract
from schemas.errors import ErrorInfo
from schemas.status import WaitReason


class EventType(StrEnum):
    JOB_ACCEPTED = "job.accepted"  # data: {}
    NODE_RUNNING = "node.running"  # data: NodeStart
    NODE_FIRST_PART = "node.first_part"  # data: FirstPart; the first part of its output is there
    NODE_SERIES = "node.series"  # data: NodeSeries; further points of its metrics
    NODE_COMPLETED = "node.completed"  # data: NodeResult
    NODE_RETRYING = "node.retrying"  # data: NodeFailure; another attempt follows
    NODE_FAILED = "node.failed"  # data: NodeFailure; the last attempt
    NODE_LOST = "node.lost"  # data: NodeLoss; the completed node runs again because its bytes are lost
    NODE_SKIPPED = "node.skipped"  # data: {}
    NODE_CANCELLED = "node.cancelled"  # data: {}
    NODE_WAITING = "node.waiting"  # data: NodeWait
    NODE_READY = "node.ready"  # data: {}; a worker provides its service now, and it is queued as before
    NODE_DECIDED = "node.decided"  # data: Decision; a person answered, and the node is ready again
    JOB_COMPLETED = "job.completed"  # data: {}
    JOB_FAILED = "job.failed"  # node: the first unhandled failure; data: {}
    JOB_CANCELLED = "job.cancelled"  # data: {}


class NodeStart(Contract):
    """An executor starts a node."""

    worker: str = ""
    attempt: int = 1


class FirstPart(Contract):
    """The first part of a long output is finished."""

    kind: str = Field("", description="Kind of its first artifact: video, audio, …")


LOG_LINES = 20  # kept for each node
LOG_CHARS = 300  # per line


class LogLine(Contract):
    """One line of a node's log."""

    at: float = Field(description="UTC, seconds since 1970, on the worker's clock.")
    text: str = Field(max_length=LOG_CHARS)


class NodeResult(Contract):
    """A node completed: its outputs and what they cost."""

    output: dict[str, Any] = Field(description="Outputs by name; references for artifacts.")
    seconds: float = Field(0.0, ge=0, description="Wall time of the node function.")
    cpu_seconds: float = Field(0.0, ge=0, description="CPU time of the executor during the node function.")
    peak_memory_bytes: int = Field(0, ge=0, description="Largest resident set size seen while the node ran.")
    metrics: dict[str, float] = Field(default_factory=dict, description="Metrics that the node recorded.")
    log: list[LogLine] = Field(default_factory=list, max_length=LOG_LINES, description="Its last log lines.")
    content_key: str = Field("", description="Content key, if the node is cacheable.")
    computation: str = Field(
        "", description="Key of its computation, if it differs from the content key because inputs came in parts."
    )
    cached: bool = Field(False, description="True if an earlier result was reused.")
    worker: str = ""
    attempt: int = 1
    started_at: float = Field(0.0, description="UTC, seconds since 1970, on the worker's clock; for display.")
    finished_at: float = Field(0.0, description="UTC, seconds since 1970, on the worker's clock; for display.")


class NodeFailure(Contract):
    """An attempt failed."""

    error: ErrorInfo
    again: bool = Field(
        False,
        description="Whether another attempt could succeed. A node that fails its last attempt with such an error "
        "becomes a dead letter.",
    )
    worker: str = ""
    attempt: int = 1
    seconds: float = 0.0
    started_at: float = 0.0
    finished_at: float = 0.0


class NodeLoss(Contract):
    """An output of a completed node is lost, and another node of the same job needs it."""

    artifact: str = Field(description="SHA-256 of the bytes; empty if the bus lost its memory in between.")
    reader: str = Field(description="The node that detected the loss.")


class NodeWait(Contract):
    """A node waits without occupying a worker."""

    reason: WaitReason
    content_key: str = Field("", description="same_computation: the content key that another job is computing.")
    delay_s: float = Field(0.0, ge=0, description="retry_at: seconds until the next attempt.")
    attempt: int = Field(0, ge=0, description="retry_at: number of the next attempt.")
    pool: str = Field("", description="no_worker: the worker pool without such a worker.")
    services: list[str] = Field(
        default_factory=list,
        description='no_worker: services, as "service version", that no worker provides; in brackets, how the version '
        "that a worker has differs.",
    )
    question: Question | None = Field(None, description="approval: the question.")
    artifact: str = Field("", description="input_lost: SHA-256 of the bytes that are being recomputed.")
    producer: str = Field("", description="next_part: the node whose next part it waits for.")

    def sentence(self) -> str:
        """The reason as a sentence for people."""
        if self.reason is WaitReason.RETRY_AT:
            return f"attempt {self.attempt} follows in {self.delay_s:g} s"
        if self.reason is WaitReason.NO_WORKER:
            return f"no worker provides {'; '.join(self.services)} (pool {self.pool.removeprefix('data.')})"
        if self.reason is WaitReason.SAME_COMPUTATION:
            return "another job is computing the same result, which will be reused"
        if self.reason is WaitReason.INPUT_LOST:
            return f"an input was damaged or missing ({self.artifact[:12]}) and is being recomputed"
        if self.reason is WaitReason.NEXT_PART:
            return f"waiting for the next part of {self.producer}"
        return f"waiting for approval: {self.question.sentence}" if self.question else "waiting for approval"


class Event(Contract):
    """One numbered state change of a job."""

    job: str
    epoch: int = Field(ge=0)
    seq: int = Field(ge=1)
    type: EventType
    node: str = Field("", description="Node id, or empty for an event of the job.")
    data: dict[str, Any] = Field(default_factory=dict)
    at: float = Field(0.0, description="UTC, seconds since 1970, on the writer's clock; for display.")

    @property
    def cursor(self) -> str:
        """The event's number; a watcher continues after it."""
        return f"{self.epoch}-{self.seq}"


class Progress(Contract):
    """The latest progress of a running node."""

    node: str
    done: float = 0.0
    total: float = 1.0
    unit: str = ""
    preview: str = Field("", description="Key of the newest preview object, or empty.")
    parts: int = Field(0, ge=0, description="Finished parts of a long output so far, including earlier attempts.")
    log: list[LogLine] = Field(default_factory=list, max_length=LOG_LINES, description="Its last log lines.")

    @property
    def fraction(self) -> float:
        return min(1.0, self.done / self.total) if self.total > 0 else 0.0
