"""Messages of ``WS /ws``: a client's requests and the updates on the jobs it watches; and the answers of the
health checks (alive, ready)."""

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

_ALL_FIELDS = ConfigDict(json_schema_serialization_defaults_required=True)  # every field is always sent


class LiveRequest(Contract):
    """A request of a client."""

    action: Literal["subscribe", "unsubscribe"]
    job_id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,63}$", description="Id of a job.")
    after: str = Field(
        "0-0", pattern=CURSOR_PATTERN, description="Cursor of the last update received; the default gets all events."
    )


class LiveResponse(Contract):
    """The response to a request. After an error it carries ``error``, ``code`` and ``details``, as in HTTP."""

    model_config = ConfigDict(json_schema_extra={"required": ["action", "message", "jobId"]})

    action: Literal["response"] = "response"
    message: Literal["subscribed", "unsubscribed", "failed"]
    job_id: str = Field(description="The job id of the request; empty if the message could not be parsed.")
    error: str | None = None
    code: str | None = None
    details: dict[str, Any] | None = None


class LiveNode(Contract):
    """The current state of one node of a watched job."""

    model_config = _ALL_FIELDS

    status: NodeStatus
    fraction: float = Field(0.0, ge=0, le=1, description="Completed share of the node, as the node reports it.")
    done: float = 0.0
    total: float = 1.0
    unit: str = ""
    growing: bool = Field(False, description="The total still grows, because a node whose output it takes runs.")
    seconds_left: float | None = Field(None, description="While it runs: estimated from its progress or past runs.")
    preview: str = Field("", description="Key of the newest preview; a new image has a new key.")
    parts: int = Field(0, ge=0, description="Finished parts of its output.")
    part_kind: str = Field("", description="What its parts are: video, audio, …")
    log: list[LogLine] = Field(default_factory=list, description="Its last log lines, while it runs.")
    waiting: str = Field("", description="What it waits for, in one sentence; empty for the next part of an input.")
    error: ErrorInfo | None = Field(None, description="Error of its last attempt, until the next attempt starts.")
    cached: bool = False
    seconds: float | None = Field(None, description="Wall time of the node, once it ended.")
    started_at: float | None = Field(None, description="Start of the current or most recent attempt.")
    worker: str = ""
    attempt: int = 0

    def done_sentence(self) -> str:
        """How much of it is done, for people; empty if it does not say. A total that still grows has a plus sign."""
        if self.total > 1:
            return f"{self.done:.0f} of {self.total:.0f}{'+' if self.growing else ''} {self.unit}".rstrip()
        if self.growing and self.parts:
            return f"{self.parts} {'part' if self.parts == 1 else 'parts'} so far"
        return ""


class LiveUpdate(Contract):
    """The current state of a watched job, and the events since the previous update. At most one per job in 250 ms."""

    model_config = _ALL_FIELDS

    type: Literal["update"] = "update"
    job_id: str
    status: ApiStatus
    progress: float = Field(ge=0, le=1)
    seconds_left: float | None = Field(None, description="Estimated time until the job ends; null without past runs.")
    first_frame_seconds: float | None = Field(
        None, description="Time from acceptance until the first frames of a video could be played; null before."
    )
    waiting: str = Field("", description="What a queued job waits for, in one sentence.")
    paused: str = Field("", description="The paused worker pool that the job waits for, if any.")
    error: ErrorInfo | None = Field(None, description="For a failed job: the first failure that no edge handled.")
    bus_away: bool = Field(False, description="The bus does not respond, so this update may be out of date.")
    nodes: dict[str, LiveNode]
    cursor: str = Field(description="Number of the last event in this update; `after` of a later subscription.")
    events: list[Event] = Field(description="Events in order, each sent once.")


class LiveHeartbeat(Contract):
    """Sent every 15 s: the connection is alive."""

    model_config = _ALL_FIELDS

    type: Literal["heartbeat"] = "heartbeat"


class Alive(Contract):
    """The process responds."""

    status: Literal["ok"] = "ok"


class Readiness(Contract):
    """Whether the deployment can accept and run jobs."""

    ready: bool = Field(description="Whether the bus, the object store and SQL respond.")
    parts: list[PartStatus] = Field(description="The current state of each part; `external` if it responded.")
