"""Sweeps: the same pipeline over several axes, as people write it and as front ends show it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field

from schemas.api import EstimateAnswer
from schemas.base import Contract
from schemas.consent import Consent
from schemas.status import JobStatus

MAX_CELLS = 10_000
MAX_AXES = 8


class SweepMethod(StrEnum):
    """Which combinations of the axes' choices become cells."""

    GRID = "grid"
    LIST = "list"
    RANDOM = "random"
    LATIN = "latin"


class SweepState(StrEnum):
    """What a sweep does. Its jobs have states of their own."""

    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    COMPLETED = "completed"


class Choice(Contract):
    """One value of an axis: what it changes in the request of a cell."""

    label: str = Field("", max_length=200, description="How tables name it; by default the values that it sets.")
    pipeline: str | None = Field(None, description="Another pipeline for these cells.")
    options: dict[str, Any] = Field(default_factory=dict, description="Inputs of the pipeline: script, portrait, seed.")
    params: dict[str, dict[str, Any]] = Field(default_factory=dict, description="node -> parameter -> value")
    leave_out: list[str] = Field(default_factory=list, description="Optional steps that these cells leave out.")


class Range(Contract):
    """Numbers from one end to the other."""

    start: float = Field(alias="from")
    stop: float = Field(alias="to")
    steps: int | None = Field(None, ge=2, le=1000, description="How many; omitted for random and latin sampling.")
    scale: Literal["linear", "log"] = "linear"
    integer: bool = False


class Axis(Contract):
    """One dimension of a sweep. Exactly one of values, range, choices, seeds and manifest says what its choices are."""

    name: str = Field("", max_length=100, description="How tables name it; by default what it varies.")
    param: str | None = Field(None, description="What values and range vary: node.parameter, or an input's name.")
    values: list[Any] | None = Field(None, max_length=MAX_CELLS)
    range: Range | None = None
    choices: list[Choice] | None = Field(None, max_length=MAX_CELLS)
    seeds: int | list[int] | None = Field(None, description="How many, from 0; or which.")
    manifest: str | None = Field(None, description="A manifest of inputs: path of a .jsonl, .csv or .yaml file.")
    with_: str = Field("", alias="with", description="Name of an axis that it is paired with: they advance together.")


class SweepSpec(Contract):
    """What a sweep varies, and what stays the same."""

    name: str = Field("", max_length=100)
    pipeline: str
    options: dict[str, Any] = Field(default_factory=dict, description="Inputs that all cells share.")
    params: dict[str, dict[str, Any]] = Field(default_factory=dict, description="node -> parameter -> value, for all.")
    leave_out: list[str] = Field(default_factory=list)
    experiment: str = Field("", max_length=200, description="By default its name.")
    axes: list[Axis] = Field(min_length=1, max_length=MAX_AXES)
    method: SweepMethod = SweepMethod.GRID
    samples: int | None = Field(None, ge=1, le=MAX_CELLS, description="How many cells random and latin sampling take.")
    sampling_seed: int = 0
    constraints: list[str] = Field(
        default_factory=list, max_length=50, description="Conditions on cells; see the docs."
    )
    at_once: int = Field(8, ge=1, le=200, description="How many of its jobs wait or run at a time.")


class SweepAxis(Contract):
    """An axis as tables show it."""

    name: str
    labels: list[str] = Field(description="Of its choices, in order.")


class SweepPlan(Contract):
    """What a sweep would run."""

    axes: list[SweepAxis]
    cells: int
    excluded: int = Field(description="Combinations that a constraint excludes.")
    nodes: int = Field(description="Node executions if every cell computed all of its nodes.")
    distinct: int = Field(description="Distinct nodes, each computed at most once.")
    cached: int = Field(description="Distinct nodes whose results exist already, as far as that is known before.")
    complete: int = Field(description="Cells whose results all exist already.")
    estimate: EstimateAnswer | None = Field(None, description="Of one cell that nothing is known of.")
    seconds: float | None = Field(None, description="Expected seconds on one worker for the distinct nodes that run.")


class SweepCell(Contract):
    """One cell: a choice for each axis, and its job."""

    index: int = Field(description="Its number, which stays when the sweep is extended.")
    at: list[int | None] = Field(description="The choice of each axis; null for one that it has no choice of any more.")
    job: str | None = None
    status: JobStatus | None = Field(None, description="Of its job; null before it is submitted.")
    progress: float = 0.0
    cached: bool = Field(False, description="Whether all nodes of its job were cache hits.")
    nodes: int = 0
    nodes_cached: int = 0
    picture: str | None = Field(None, description="Digest of its last video or image.")
    video: str | None = Field(None, description="Digest of its result, if that is a video.")
    metrics: dict[str, float] = Field(default_factory=dict, description="node.metric -> value")
    error: str = Field("", description="Why it has no job, or why its job failed.")
    removed: bool = Field(False, description="Whether the sweep no longer asks for it, since it was changed.")


class SweepLine(Contract):
    """One sweep of a list."""

    id: str
    name: str
    state: SweepState
    owner: str
    pipeline: str
    experiment: str
    created: float
    cells: int
    by_status: dict[str, int] = Field(description="Cells by the status of their jobs; `planned` before the submit.")


class SweepInFull(SweepLine):
    """A sweep with its cells."""

    spec: SweepSpec
    axes: list[SweepAxis]
    plan: SweepPlan
    table: list[SweepCell]
    mlflow_run: str | None = Field(None, description="URL of its parent run.")
    may_change: bool = True


class SweepLaunch(Contract):
    """A sweep to start."""

    spec: SweepSpec
    consent: Consent | None = None


class SweepText(Contract):
    """A spec as a person wrote it."""

    text: str = Field(max_length=1_000_000, description="YAML, which JSON is too.")


class SweepList(Contract):
    """Sweeps, newest first."""

    sweeps: Annotated[list[SweepLine], Field(default_factory=list)]
    total: int
