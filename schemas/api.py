"""What the HTTP API takes and answers about jobs, pipelines, presets and the bench.

Times are UTC seconds since 1970, durations seconds, progress a fraction from 0 to 1.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from schemas.approval import Question
from schemas.base import Contract
from schemas.capability import WorkerManifest
from schemas.errors import ErrorInfo
from schemas.event import Event
from schemas.graph import Graph, NodeId
from schemas.job import NodeRecord
from schemas.pipeline import PipelineView
from schemas.queue import QueueView
from schemas.refs import Sha256
from schemas.stack import PartStatus
from schemas.status import JobStatus, Lane

MAX_TEXT = 20_000
JOB_ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9-]{0,63}$"
# No control characters: a name is shown in lists and becomes an experiment of MLflow.
NAME_PATTERN = r"^[^\x00-\x1f\x7f]{1,100}$"

JobId = Annotated[str, Field(pattern=JOB_ID_PATTERN, description="Id of a job.")]
Name = Annotated[str, Field(pattern=NAME_PATTERN, description="1 to 100 characters, no control characters.")]
NodeParams = dict[NodeId, dict[str, Any]]


class ApiStatus(StrEnum):
    """The states of a job on this surface."""

    ADVERTISED = "advertised"  # accepted, in SQL, not yet known to be on the bus
    QUEUED = "queued"  # on the bus, or waiting: then with its reason
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


def api_status(status: JobStatus, *, on_bus: bool) -> ApiStatus:
    """How a job's state is called here.

    Args:
        on_bus: whether an event of it was recorded.
    """
    if status is JobStatus.ACCEPTED:
        return ApiStatus.QUEUED if on_bus else ApiStatus.ADVERTISED
    return ApiStatus.QUEUED if status is JobStatus.WAITING else ApiStatus(status.value)


class ErrorAnswer(Contract):
    """Every refusal has this shape."""

    error: str = Field(description="What went wrong, in a sentence.")
    code: str = Field(description="A code listed in docs/errors.md.")
    details: dict[str, Any] = Field(default_factory=dict, description="where, seen, allowed, remedy, …")


# -- jobs --------------------------------------------------------------------------------------------------------------


class JobState(Contract):
    """A job in one line."""

    job_id: str
    status: ApiStatus
    progress: float = Field(ge=0, le=1)


class JobBrief(JobState):
    """What answers a submit."""

    created: float = Field(description="When the job was accepted.")


class AcceptedJob(JobBrief):
    """A job was accepted, or had been before under the same idempotency key."""

    unserved: list[str] = Field(
        default_factory=list,
        description='"service version" that no worker offers now, and in brackets how what a worker has differs. Until '
        "one does, the job waits.",
    )


class Waiting(Contract):
    """A node that waits without a worker."""

    node: str
    reason: str = Field(description="approval, same_computation, retry_at, no_worker or input_lost.")
    sentence: str
    question: Question | None = Field(None, description="What a person is asked, where one is.")


class JobSummary(JobBrief):
    """One row of the list of jobs."""

    pipeline: str
    experiment: str
    owner: str
    seconds: float | None = Field(None, description="From accepted to final.")
    error: ErrorInfo | None = None
    thumbnail: str | None = Field(None, description="URL of a picture of it.")
    title: str = Field("", description="First words of its prompt or script.")
    waiting: str = Field("", description="What it waits for, in a sentence.")
    parent: str | None = Field(None, description="The job this one repeats.")
    sweep: str | None = None


class Pagination(Contract):
    limit: int
    offset: int
    total: int = Field(description="Jobs that match, on all pages.")


class JobList(Contract):
    jobs: list[JobSummary]
    pagination: Pagination


class JobInFull(JobSummary):
    """Everything that is known of a job."""

    seed: int
    lane: Lane
    graph_hash: str
    started_at: float | None = None
    finished_at: float | None = None
    nodes: list[NodeRecord]
    waits: list[Waiting] = Field(default_factory=list, description="Its nodes that wait, and for what.")
    last_graph: Graph = Field(description="The submitted graph with the state of its nodes.")
    options: dict[str, Any] | None = Field(
        None, description="What was given to its pipeline: `options` and `params` as in POST /api/jobs."
    )
    mlflow_run: str | None = Field(
        None,
        description="Path of its page in MLflow on this server, once it is recorded and where this user may see it.",
    )
    may_change: bool = Field(False, description="Whether the asking user may cancel or delete it.")


class JobAnswer(Contract):
    job: JobInFull
    events: list[Event] = Field(max_length=50, description="Newest first.")


class CommonOptions(Contract):
    """The options that every pipeline takes, beside its inputs."""

    seed: int = Field(
        0, ge=0, lt=2**53, strict=True, description="Below 2**53: what a number of a browser keeps exactly."
    )
    leave_out: list[NodeId] = Field(default_factory=list, max_length=100, description="Optional nodes to leave out.")
    fresh: bool = Field(False, description="Compute everything anew: ignore the cache.")


class Consent(Contract):
    """That the people shown and heard agreed to it."""

    given: bool
    text: str = Field("", max_length=2000, description="The sentence that was agreed to.")


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
    consent: Consent | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> JobRequest:
        if (self.pipeline is None) == (self.graph is None):
            raise ValueError("give either pipeline (with options and params) or graph")
        if self.graph is not None and {"options", "params"} & self.model_fields_set:
            raise ValueError("options and params belong to a pipeline; a graph has them in its nodes")
        return self


class RerunRequest(Contract):
    """What changes in a repeated job; nothing: the same again."""

    params: NodeParams = Field(default_factory=dict, max_length=1000)
    fresh: bool = False


class ApprovalRequest(Contract):
    """A person's answer to a job that asks."""

    node: NodeId | None = Field(None, description="Which node; may be left out while only one asks.")
    text: str | None = Field(None, max_length=MAX_TEXT, description="The edited text; left out: as it is.")
    reject: str | None = Field(None, max_length=2000, description="Why it is not to be rendered.")


class CancelAnswer(JobState):
    cancelled: bool = Field(description="False where the job had ended already.")


class DeleteAnswer(Contract):
    job_id: str
    deleted: Literal[True] = True
    notes: list[str] = Field(default_factory=list, description="What was left behind, and why.")


class DropAnswer(Contract):
    """An upload that its owner gave up."""

    sha256: Sha256
    dropped: Literal[True] = True
    named_by_jobs: bool = Field(description="Whether jobs still name the file: then it stays.")


class ArtifactEntry(Contract):
    """A file that a job used or made."""

    node: str
    role: Literal["input", "output"]
    name: str = Field(description="The field: `video`, `parts.0`.")
    ref: dict[str, Any] = Field(description="The reference, with the measured facts of its kind.")
    url: str
    thumbnail: str | None = Field(None, description="URL of a small picture, for images and videos.")


class ArtifactList(Contract):
    artifacts: list[ArtifactEntry]


class FromJob(Contract):
    """An input of this job that another job made."""

    sha256: Sha256
    node: str = Field(description="Node of this job that takes it.")
    name: str
    job: str = Field(description="The job that made it.")
    made_by: str = Field(description="Its node there.")
    output: str
    kind: str


class UsedBy(Contract):
    """An output of this job that another job takes."""

    job: str
    node: str = Field(description="Node of that job that takes it.")
    name: str
    sha256: Sha256


class Lineage(Contract):
    """Where a job's inputs come from and where its outputs went; jobs the asking user may see."""

    from_: list[FromJob] = Field(alias="from")
    used_by: list[UsedBy]
    parent: str | None = None
    children: list[str] = Field(default_factory=list, description="Jobs that repeat this one, newest first.")


class EstimateAnswer(Contract):
    seconds: float | None = Field(description="Expected seconds along the longest path; null while nothing is known.")
    per_node: dict[str, float] = Field(description="Expected seconds by node, of those whose service ran before.")
    basis: int = Field(ge=0, description="How many past jobs say so.")


class PartEntry(Contract):
    index: int
    url: str


class PartList(Contract):
    parts: list[PartEntry]


class Waveform(Contract):
    peaks: list[float] = Field(description="The largest amplitude of each of equal pieces, 0 to 1.")


# -- pipelines and presets ---------------------------------------------------------------------------------------------


class PipelineNode(Contract):
    """One node of a pipeline, with what a form needs."""

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
    preset: dict[str, Any] = Field(default_factory=dict, description="Values the pipeline sets by itself.")
    offered: bool = Field(description="Whether a worker offers it now.")
    reason: str = Field("", description="Why not.")


class Preset(Contract):
    """A named set of parameters of a pipeline."""

    pipeline: str
    name: str
    owner: str = Field(description="Empty: it comes with the pipeline.")
    doc: str = ""
    params: NodeParams
    leave_out: list[str] = Field(default_factory=list)


class PresetValues(Contract):
    """What is kept under a preset's name."""

    doc: str = Field("", max_length=500, pattern=r"^[^\x00]*$")
    params: NodeParams = Field(default_factory=dict, max_length=100)
    leave_out: list[NodeId] = Field(default_factory=list, max_length=100)


class PipelineEntry(PipelineView):
    """A pipeline, with what a page says of it now."""

    nodes: list[PipelineNode]
    offered: bool = Field(description="Whether workers offer all nodes that cannot be left out.")
    reason: str = ""
    typical_seconds: float | None = Field(None, description="From past runs, along the longest path.")
    presets: list[Preset]


class PipelineList(Contract):
    pipelines: list[PipelineEntry]


class ExperimentList(Contract):
    experiments: list[str]


# -- the bench ---------------------------------------------------------------------------------------------------------


class WorkerEntry(Contract):
    """A worker that is up."""

    manifest: WorkerManifest
    state: Literal["idle", "busy", "draining", "paused"] = "idle"
    running: list[str] = Field(default_factory=list, description="job/node that it is at.")


class Storage(Contract):
    home_free_bytes: int
    home_total_bytes: int
    artifact_bytes: int = Field(description="Bytes of all artifacts that jobs named.")
    artifact_count: int


class CapabilityEntry(Contract):
    """A service, and who offers it."""

    service: str
    version: str
    plane: str
    pool: str
    workers: list[str] = Field(description="Those that offer it now.")
    missing: str = Field("", description="Why nobody does.")


class CapabilitySummary(Contract):
    services: int
    offered: int
    missing: dict[str, str] = Field(default_factory=dict, description="service -> why nobody offers it.")
    entries: list[CapabilityEntry] = Field(default_factory=list, description="Every service, by name.")


class SystemAnswer(Contract):
    """The bench as an operator sees it."""

    parts: list[PartStatus]
    queue: QueueView | None = Field(description="Null while the bus or SQL does not answer.")
    workers: list[WorkerEntry]
    storage: Storage | None = Field(description="Null while SQL does not answer.")
    dead_letters: int | None = Field(description="Those that the user may see. Null while SQL does not answer.")
    capabilities: CapabilitySummary | None = Field(description="Null while the bus does not answer.")


# -- the calls of earlier clients --------------------------------------------------------------------------------------


def _text(value: Any) -> Any:
    return "" if value is None else value


class EarlierAnswer(JobBrief):
    """What these calls answer."""


class InfiniteTalkData(Contract):
    """The field ``data`` of POST /api/infinitetalk."""

    prompt: Annotated[str, BeforeValidator(_text)] = Field("", max_length=MAX_TEXT)
    ref_text: Annotated[str, BeforeValidator(_text)] = Field("", max_length=MAX_TEXT)


class TrainMode(StrEnum):
    FIXED_GRAPH = "fixed_graph"  # variant names a pipeline
    PROCESS_GRAPH = "process_graph"  # params.graph is a whole graph


class TrainRequest(Contract):
    mode: TrainMode
    variant: str = Field("", max_length=100, description="fixed_graph: the name of a pipeline.")
    prompt: str = Field("", max_length=MAX_TEXT)
    options: dict[str, Any] = Field(
        default_factory=dict, description="As `options` of POST /api/jobs, and `experiment`, `lane`."
    )
    params: dict[str, Any] = Field(
        default_factory=dict, description="fixed_graph: parameters by node id. process_graph: {graph: {…}}."
    )
