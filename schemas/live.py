"""The messages of ``WS /ws``: what a client asks for, and what it is told about the jobs it watches; and whether the
bench is alive and ready."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field

from schemas.api import ApiStatus
from schemas.base import Contract
from schemas.errors import ErrorInfo
from schemas.event import Event, LogLine
from schemas.stack import PartStatus
from schemas.status import NodeStatus

CURSOR_PATTERN = r"^\d{1,18}-\d{1,18}$"

_WHOLE = ConfigDict(json_schema_serialization_defaults_required=True)  # every field is always sent


class LiveRequest(Contract):
    """What a client sends."""

    action: Literal["subscribe", "unsubscribe"]
    job_id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,63}$", description="Id of a job.")
    after: str = Field(
        "0-0", pattern=CURSOR_PATTERN, description="Cursor of the last update that was seen; without one, all events."
    )


class LiveResponse(Contract):
    """The answer to each request. A refusal carries ``error``, ``code`` and ``details`` as an HTTP answer does."""

    model_config = ConfigDict(json_schema_extra={"required": ["action", "message", "jobId"]})

    action: Literal["response"] = "response"
    message: Literal["subscribed", "unsubscribed", "failed"]
    job_id: str = Field(description="As it was asked for; empty where the message could not be read.")
    error: str | None = None
    code: str | None = None
    details: dict[str, Any] | None = None


class LiveNode(Contract):
    """One node of a watched job, as it is now."""

    model_config = _WHOLE

    status: NodeStatus
    fraction: float = Field(0.0, ge=0, le=1, description="Share of the node that is done, as it reports it.")
    done: float = 0.0
    total: float = 1.0
    unit: str = ""
    seconds_left: float | None = Field(None, description="While it runs: by its progress, or by earlier runs.")
    preview: str = Field("", description="Key of the newest preview; another key, another picture.")
    parts: int = Field(0, ge=0, description="Finished parts of its output.")
    log: list[LogLine] = Field(default_factory=list, description="What it said last, while it runs.")
    waiting: str = Field("", description="What it waits for, in a sentence.")
    error: ErrorInfo | None = Field(None, description="Of its last attempt, until the next one begins.")
    cached: bool = False
    seconds: float | None = Field(None, description="Wall time of the node, once it ended.")
    started_at: float | None = Field(None, description="When the attempt that runs, or ran last, began.")
    worker: str = ""
    attempt: int = 0


class LiveUpdate(Contract):
    """A watched job, as it is now, and the events since the update before. At most one in 250 ms for a job."""

    model_config = _WHOLE

    type: Literal["update"] = "update"
    job_id: str
    status: ApiStatus
    progress: float = Field(ge=0, le=1)
    seconds_left: float | None = Field(None, description="Until the job ends; null while nothing is known.")
    waiting: str = Field("", description="What the job waits for, in a sentence, where it is queued.")
    paused: str = Field("", description="The pool whose pause it waits for, where it does.")
    error: ErrorInfo | None = Field(None, description="Of a failed job: the first failure that no edge handled.")
    bus_away: bool = Field(False, description="The bus does not answer: what is said here may be old.")
    nodes: dict[str, LiveNode]
    cursor: str = Field(description="Number of the last event up to this update; `after` of a later subscription.")
    events: list[Event] = Field(description="In order, each once.")


class LiveHeartbeat(Contract):
    """Sent every 15 s: the connection is alive."""

    model_config = _WHOLE

    type: Literal["heartbeat"] = "heartbeat"


class Alive(Contract):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Readiness(Contract):
    """Whether jobs can be accepted and run."""

    ready: bool = Field(description="Bus, objects and SQL answer.")
    parts: list[PartStatus] = Field(description="Each part as it answered just now: external where it did.")
