"""Events of a job: numbered state changes, kept on the bus while the job lives and in SQL for good.

An event's number is ``<epoch>-<seq>``: the epoch rises when the bus lost memory, ``seq`` counts within the job. The bus
scripts write the number, the type and the node; ``data`` is one of the models below and opaque to the scripts.
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
    NODE_COMPLETED = "node.completed"  # data: NodeResult
    NODE_RETRYING = "node.retrying"  # data: NodeFailure; another attempt follows
    NODE_FAILED = "node.failed"  # data: NodeFailure; the last attempt
    NODE_LOST = "node.lost"  # data: NodeLoss; it completed, its bytes are lost, and it runs again
    NODE_SKIPPED = "node.skipped"  # data: {}
    NODE_CANCELLED = "node.cancelled"  # data: {}
    NODE_WAITING = "node.waiting"  # data: NodeWait
    NODE_DECIDED = "node.decided"  # data: Decision; a person has answered, the node is ready again
    JOB_COMPLETED = "job.completed"  # data: {}
    JOB_FAILED = "job.failed"  # node: the first unhandled failure; data: {}
    JOB_CANCELLED = "job.cancelled"  # data: {}


class NodeStart(Contract):
    """An executor begins a node."""

    worker: str = ""
    attempt: int = 1


LOG_LINES = 20  # of a node that are kept
LOG_CHARS = 300  # of a line


class LogLine(Contract):
    """What a node says of its work."""

    at: float = Field(description="UTC, seconds since 1970, on the worker's clock.")
    text: str = Field(max_length=LOG_CHARS)


class NodeResult(Contract):
    """A node completed: its outputs and what they cost."""

    output: dict[str, Any] = Field(description="Outputs by name; references for artifacts.")
    seconds: float = Field(0.0, ge=0, description="Wall time of the node function.")
    cpu_seconds: float = Field(0.0, ge=0, description="CPU time of the executor during the node function.")
    peak_memory_bytes: int = Field(0, ge=0, description="Largest resident size seen while the node ran.")
    metrics: dict[str, float] = Field(default_factory=dict, description="Figures the node recorded.")
    log: list[LogLine] = Field(default_factory=list, max_length=LOG_LINES, description="What it said last.")
    content_key: str = Field("", description="Content key, where the node is cacheable.")
    cached: bool = Field(False, description="True when an earlier computation was reused.")
    worker: str = ""
    attempt: int = 1
    started_at: float = Field(0.0, description="UTC, seconds since 1970, on the worker's clock; for display.")
    finished_at: float = Field(0.0, description="As started_at.")


class NodeFailure(Contract):
    """An attempt failed."""

    error: ErrorInfo
    again: bool = Field(
        False,
        description="Whether another attempt could have helped: a node that fails its last attempt with it is a dead "
        "letter.",
    )
    worker: str = ""
    attempt: int = 1
    seconds: float = 0.0
    started_at: float = 0.0
    finished_at: float = 0.0


class NodeLoss(Contract):
    """What a completed node made is lost, and a node of the same job needs it."""

    artifact: str = Field(description="SHA-256 of the bytes; empty where the bus lost its memory in between.")
    reader: str = Field(description="The node that found it out.")


class NodeWait(Contract):
    """A node waits without a worker."""

    reason: WaitReason
    content_key: str = Field("", description="same_computation: the key that is being computed.")
    delay_s: float = Field(0.0, ge=0, description="retry_at: seconds until the next attempt.")
    attempt: int = Field(0, ge=0, description="retry_at: the attempt that follows.")
    pool: str = Field("", description="no_worker: the pool that has none.")
    services: list[str] = Field(
        default_factory=list,
        description='no_worker: "service version" that nobody offers, and in brackets how what a worker has differs.',
    )
    question: Question | None = Field(None, description="approval: what a person is asked.")
    artifact: str = Field("", description="input_lost: SHA-256 of the bytes that are made again.")

    def sentence(self) -> str:
        """For a person."""
        if self.reason is WaitReason.RETRY_AT:
            return f"attempt {self.attempt} follows in {self.delay_s:g} s"
        if self.reason is WaitReason.NO_WORKER:
            return f"no worker offers {'; '.join(self.services)} (pool {self.pool.removeprefix('data.')})"
        if self.reason is WaitReason.SAME_COMPUTATION:
            return "another job computes the same; its result is used"
        if self.reason is WaitReason.INPUT_LOST:
            return f"stored bytes it needs were damaged or gone ({self.artifact[:12]}); they are made again"
        return f"a person is asked: {self.question.sentence}" if self.question else "a person is asked"


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
        """The event's number; a watcher goes on behind it."""
        return f"{self.epoch}-{self.seq}"


class Progress(Contract):
    """The last value of a running node's progress."""

    node: str
    done: float = 0.0
    total: float = 1.0
    unit: str = ""
    preview: str = Field("", description="Key of the newest preview object, or empty.")
    parts: int = Field(0, ge=0, description="Finished parts of a long output so far, those of earlier attempts too.")
    log: list[LogLine] = Field(default_factory=list, max_length=LOG_LINES, description="What it said last.")

    @property
    def fraction(self) -> float:
        return min(1.0, self.done / self.total) if self.total > 0 else 0.0
