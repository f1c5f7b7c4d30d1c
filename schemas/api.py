"""Requests and answers of the HTTP API about jobs, pipelines, presets and the deployment.

Times are UTC seconds since 1970, durations are seconds, progress is a fraction from 0 to 1.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from schemas.approval import MAX_TEXT_CHARS, Question
from schemas.base import Contract
from schemas.capability import WorkerManifest
from schemas.consent import Consent
from schemas.errors import ErrorInfo
from schemas.event import Event
from schemas.graph import Graph, NodeId
from schemas.job import NodeRecord
from schemas.metric import Metric
from schemas.name import Name
from schemas.pipeline import PipelineView
from schemas.queue import QueueView
from schemas.refs import Sha256
from schemas.stack import PartStatus
from schemas.status import JobStatus, Lane
from schemas.stream import Stream
from schemas.warning import JobWarning

MAX_TEXT = 20_000
JOB_ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9-]{0,63}$"

JobId = Annotated[str, Field(pattern=JOB_ID_PATTERN, description="Id of a job.")]
NodeParams = dict[NodeId, dict[str, Any]]


class ApiStatus(StrEnum):
    """The states of a job in the HTTP API."""

    ADVERTISED = "advertised"  # accepted and in SQL; no event from the bus yet
    QUEUED = "queued"  # on the bus, or waiting for a stated reason
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        return self in (ApiStatus.COMPLETED, ApiStatus.FAILED, ApiStatus.CANCELLED)


def api_status(status: JobStatus, *, on_bus: bool) -> ApiStatus:
    """The API's name for a job's state.

    Args:
        on_bus: whether an event of the job was recorded.
    """
    if status is JobStatus.ACCEPTED:
        return ApiStatus.QUEUED if on_bus else ApiStatus.ADVERTISED
    return ApiStatus.QUEUED if status is JobStatus.WAITING else ApiStatus(status.value)


class ErrorAnswer(Contract):
    """The body of every error response."""

    error: str = Field(description="What went wrong, in one sentence.")
    code: str = Field(description="A code listed in docs/errors.md.")
    details: dict[str, Any] = Field(default_factory=dict, description="where, seen, allowed, remedy, …")


# -- jobs --------------------------------------------------------------------------------------------------------------


class JobState(Contract):
    """The state of a job."""

    job_id: str
    status: ApiStatus
    progress: float = Field(ge=0, le=1)


class JobBrief(JobState):
    """The answer to a submit."""

    created: float = Field(description="Time when the job was accepted.")


class AcceptedJob(JobBrief):
    """An accepted job: a new one, or the earlier one with the same idempotency key."""

    unserved: list[str] = Field(
        default_factory=list,
        description='Services, as "service version", that no worker provides now; in brackets, how the version that a '
        "worker has differs. The job waits until a worker provides them.",
    )
    warnings: list[JobWarning] = Field(default_factory=list, description="What to expect of its inputs.")
    streams: list[Stream] = Field(
        default_factory=list, description="Where a node starts with the first part of another node's output."
    )


class Waiting(Contract):
    """A node that waits without occupying a worker."""

    node: str
    reason: str = Field(description="approval, same_computation, retry_at, no_worker, input_lost or next_part.")
    sentence: str
    question: Question | None = Field(None, description="For an approval: the question.")


class JobSummary(JobBrief):
    """One row of the list of jobs."""

    pipeline: str
    experiment: str
    owner: str
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
    error: ErrorInfo | None = None
    thumbnail: str | None = Field(None, description="URL of the job's thumbnail.")
    title: str = Field("", description="First words of its prompt or script.")
    waiting: str = Field("", description="What the job waits for, in one sentence.")
    parent: str | None = Field(None, description="The job that this one repeats.")
    sweep: str | None = None
    video: str | None = Field(None, description="URL of the video that the thumbnail is of, if it is of one.")
    starred: bool = False
    rating: int | None = Field(None, description="1 to 5, as people rated it.")
    tags: list[str] = Field(default_factory=list)
    values: dict[str, Any] = Field(default_factory=dict, description="The values of the wanted columns that it has.")


class Pagination(Contract):
    limit: int
    offset: int
    total: int = Field(description="Number of matching jobs on all pages.")


class JobList(Contract):
    jobs: list[JobSummary]
    pagination: Pagination


class JobInFull(JobSummary):
    """All details of a job."""

    seed: int
    lane: Lane
    graph_hash: str
    started_at: float | None = None
    finished_at: float | None = None
    nodes: list[NodeRecord]
    waits: list[Waiting] = Field(default_factory=list, description="Nodes that wait, and what each waits for.")
    warnings: list[JobWarning] = Field(default_factory=list, description="What to expect of its inputs.")
    streams: list[Stream] = Field(
        default_factory=list, description="Where a node starts with the first part of another node's output."
    )
    last_graph: Graph = Field(description="The submitted graph with the state of its nodes.")
    options: dict[str, Any] | None = Field(
        None, description="The inputs of its pipeline: `options` and `params` as in POST /api/jobs."
    )
    mlflow_run: str | None = Field(
        None,
        description="Path of the run's page in MLflow on this server, once it is recorded and if the user may see it.",
    )
    tracking_error: str | None = Field(None, description="Why MLflow has no complete record of it, if that is known.")
    may_change: bool = Field(False, description="Whether the user may cancel or delete the job.")
    metric_meanings: dict[str, dict[str, Metric]] = Field(
        default_factory=dict, description="{node: {name: metric}}: unit, better direction and meaning of its metrics."
    )


class JobAnswer(Contract):
    job: JobInFull
    events: list[Event] = Field(max_length=50, description="Newest first.")


class CommonOptions(Contract):
    """The options that every pipeline takes, beside its inputs."""

    seed: int = Field(
        0, ge=0, lt=2**53, strict=True, description="Below 2**53, the range in which JavaScript integers are exact."
    )
    leave_out: list[NodeId] = Field(default_factory=list, max_length=100, description="Optional nodes to leave out.")
    fresh: bool = Field(False, description="Ignore the cache and compute everything again.")


class JobRequest(Contract):
    """A pipeline with its options and parameters, or a graph."""

    pipeline: Name | None = None
    options: dict[str, Any] = Field(
        default_factory=dict,
        description="Inputs of the pipeline, files by the digest that their upload answered; seed, leaveOut, fresh.",
    )
    params: NodeParams = Field(default_factory=dict, max_length=1000, description="Parameters by node id.")
    graph: dict[str, Any] | None = Field(None, description="A langgraph.v1 document.")
    experiment: Name = "workbench"
    lane: Lane = Lane.INTERACTIVE
    consent: Consent | None = Field(
        None, description="Needed for images, audio and video of people, unless it is recorded for the files."
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> JobRequest:
        if (self.pipeline is None) == (self.graph is None):
            raise ValueError("give either pipeline (with options and params) or graph")
        if self.graph is not None and {"options", "params"} & self.model_fields_set:
            raise ValueError("options and params belong to a pipeline; a graph has them in its nodes")
        return self


class RerunRequest(Contract):
    """Changes for a repeated job. Without any, the job is repeated unchanged."""

    params: NodeParams = Field(default_factory=dict, max_length=1000)
    fresh: bool = False
    consent: Consent | None = Field(None, description="For files without a recorded consent.")


class RetryRequest(Contract):
    """What the continuation of a job needs beside the job."""

    consent: Consent | None = Field(None, description="For files without a recorded consent.")


class ApprovalRequest(Contract):
    """A person's answer to a job that waits for approval."""

    node: NodeId | None = Field(None, description="The node; optional while only one node waits for an answer.")
    text: str | None = Field(None, max_length=MAX_TEXT_CHARS, description="The edited text; omit it to approve as is.")
    reject: str | None = Field(None, max_length=2000, description="Reason for a rejection.")


class CancelAnswer(JobState):
    cancelled: bool = Field(description="False if it had been cancelled before.")


class DeleteAnswer(Contract):
    job_id: str
    deleted: Literal[True] = True
    notes: list[str] = Field(default_factory=list, description="What was not removed, and why.")


class DropAnswer(Contract):
    """An upload that its owner removed."""

    sha256: Sha256
    dropped: Literal[True] = True
    named_by_jobs: bool = Field(description="Whether jobs still refer to the file, which keeps it in the store.")


class ArtifactEntry(Contract):
    """A file that a job used or produced."""

    node: str
    role: Literal["input", "output"]
    name: str = Field(description="The field: `video`, `parts.0`.")
    ref: dict[str, Any] = Field(description="The reference, with the measured properties of its kind.")
    url: str
    thumbnail: str | None = Field(None, description="URL of a thumbnail, for images and videos.")


class ArtifactList(Contract):
    artifacts: list[ArtifactEntry]


class FromJob(Contract):
    """An input of this job that another job produced."""

    sha256: Sha256
    node: str = Field(description="Node of this job that uses it.")
    name: str
    job: str = Field(description="The job that produced it.")
    made_by: str = Field(description="The node of that job that produced it.")
    output: str
    kind: str


class UsedBy(Contract):
    """An output of this job that another job uses."""

    job: str
    node: str = Field(description="Node of that job that uses it.")
    name: str
    sha256: Sha256


class Lineage(Contract):
    """Where a job's inputs come from and which jobs use its outputs, limited to jobs that the user may see."""

    from_: list[FromJob] = Field(alias="from")
    used_by: list[UsedBy]
    parent: str | None = None
    children: list[str] = Field(default_factory=list, description="Jobs that repeat this one, newest first.")


class MlflowPage(Contract):
    """A page of MLflow behind the app."""

    url: str | None = Field(
        description="Path on this server; null if MLflow does not have it, or the user may not see it."
    )


class EstimateAnswer(Contract):
    seconds: float | None = Field(description="Expected seconds along the longest path; null without past runs.")
    per_node: dict[str, float] = Field(description="Expected seconds by node, for services that ran before.")
    basis: int = Field(ge=0, description="Number of past jobs behind the estimate.")
    length_s: float | None = Field(
        None, description="Expected length of the speech, from the recording or the text; null if it is not known."
    )
    longest_s: float | None = Field(None, description="Length of the longest of the past jobs; null if none has one.")
    streams: list[Stream] = Field(
        default_factory=list,
        description="Where a node would start with the first part of another node's output; of a job: where it did.",
    )


class PartEntry(Contract):
    index: int
    url: str
    start_s: float = Field(0.0, description="Start in the whole, if the parts are videos; their own times start at 0.")


class PartList(Contract):
    parts: list[PartEntry]


class Waveform(Contract):
    peaks: list[float] = Field(description="Peak amplitude of each of equally long pieces, 0 to 1.")


# -- pipelines and presets ---------------------------------------------------------------------------------------------


class PipelineNode(Contract):
    """One node of a pipeline, with the details that a form needs."""

    id: str
    name: str
    service: str
    version: str
    plane: str
    pool: str
    optional: bool = Field(description="Whether it can be left out.")
    doc: str
    params: dict[str, Any] = Field(
        description="JSON Schema of its parameters, without those that the pipeline sets from its inputs."
    )
    preset: dict[str, Any] = Field(default_factory=dict, description="Values that the pipeline itself sets.")
    offered: bool = Field(description="Whether a worker provides it now.")
    reason: str = Field("", description="Why no worker provides it.")


class Preset(Contract):
    """A named set of parameters of a pipeline."""

    pipeline: str
    name: str
    owner: str = Field(description="Empty for a preset that comes with the pipeline.")
    doc: str = ""
    params: NodeParams
    leave_out: list[str] = Field(default_factory=list)


class PresetValues(Contract):
    """The stored content of a preset."""

    doc: str = Field("", max_length=500, pattern=r"^[^\x00]*$")
    params: NodeParams = Field(default_factory=dict, max_length=100)
    leave_out: list[NodeId] = Field(default_factory=list, max_length=100)


class PipelineEntry(PipelineView):
    """A pipeline, with what a page says of it now."""

    nodes: list[PipelineNode]
    offered: bool = Field(description="Whether workers provide all nodes that cannot be left out.")
    reason: str = ""
    typical_seconds: float | None = Field(None, description="Estimate from past runs, along the longest path.")
    presets: list[Preset]


class PipelineList(Contract):
    pipelines: list[PipelineEntry]


class ExperimentList(Contract):
    experiments: list[str]


# -- the deployment ----------------------------------------------------------------------------------------------------


class WorkerEntry(Contract):
    """A running worker."""

    manifest: WorkerManifest
    state: Literal["idle", "busy", "draining", "paused"] = "idle"
    running: list[str] = Field(default_factory=list, description="What it runs now, as job/node.")


class Storage(Contract):
    home_free_bytes: int
    home_total_bytes: int
    artifact_bytes: int = Field(description="Bytes of all artifacts that jobs refer to.")
    artifact_count: int


class CapabilityEntry(Contract):
    """A service and the workers that provide it."""

    service: str
    version: str
    title: str = ""
    category: str = ""
    plane: str
    pool: str
    workers: list[str] = Field(description="Workers that provide it now.")
    missing: str = Field("", description="Why no worker provides it.")


class CapabilitySummary(Contract):
    services: int
    offered: int
    missing: dict[str, str] = Field(default_factory=dict, description="service -> why no worker provides it.")
    entries: list[CapabilityEntry] = Field(default_factory=list, description="Every service, by name.")


class SystemAnswer(Contract):
    """The deployment as an operator sees it."""

    parts: list[PartStatus]
    queue: QueueView | None = Field(description="Null while the bus or SQL does not respond.")
    workers: list[WorkerEntry]
    storage: Storage | None = Field(description="Null while SQL does not respond.")
    dead_letters: int | None = Field(description="Number that the user may see; null while SQL does not respond.")
    capabilities: CapabilitySummary | None = Field(description="Null while the bus does not respond.")


# -- calls of earlier clients ------------------------------------------------------------------------------------------


def _text(value: Any) -> Any:
    return "" if value is None else value


class EarlierAnswer(JobBrief):
    """The answer to the calls of earlier clients."""


class InfiniteTalkData(Contract):
    """The field ``data`` of POST /api/infinitetalk."""

    prompt: Annotated[str, BeforeValidator(_text)] = Field("", max_length=MAX_TEXT)
    ref_text: Annotated[str, BeforeValidator(_text)] = Field("", max_length=MAX_TEXT)
    consent: Consent | None = None


class TrainMode(StrEnum):
    FIXED_GRAPH = "fixed_graph"  # variant names a pipeline
    PROCESS_GRAPH = "process_graph"  # params.graph is a whole graph


class TrainRequest(Contract):
    mode: TrainMode
    variant: str = Field("", max_length=100, description="fixed_graph: the name of a pipeline.")
    prompt: str = Field("", max_length=MAX_TEXT)
    options: dict[str, Any] = Field(
        default_factory=dict, description="`options` as in POST /api/jobs, plus `experiment` and `lane`."
    )
    params: dict[str, Any] = Field(
        default_factory=dict, description="fixed_graph: parameters by node id. process_graph: {graph: {…}}."
    )
