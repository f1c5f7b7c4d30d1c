"""An exact re-run: what differs from then before it runs, and how far off its artifacts are afterwards."""

from __future__ import annotations

from pydantic import Field

from schemas.base import Contract


class Difference(Contract):
    """Something that is not as it was."""

    node: str = Field("", description="Empty if it concerns the whole run.")
    what: str = Field(description="version, code, weights, packages, models, service, workbench, python, system, …")
    then: str
    now: str


class ReproductionPlan(Contract):
    """What a re-run would start with."""

    job: str
    differences: list[Difference]
    unknown: list[str] = Field(description="What was not recorded then, so that it cannot be compared.")
    runnable: bool = Field(description="Whether every service is installed here.")

    @property
    def same(self) -> bool:
        return not self.differences and not self.unknown


class Compared(Contract):
    """One output of both runs."""

    node: str
    output: str
    kind: str
    then: str | None = Field(None, description="SHA-256; null if that run did not make it.")
    now: str | None = None
    same: bool = Field(description="Bit for bit.")
    psnr_min_db: float | None = Field(None, description="Of the worst frame; null for equal frames.")
    psnr_mean_db: float | None = Field(None, description="Mean over the frames that differ.")
    worst_frame: int | None = None
    frames: int | None = Field(None, description="Frames of both that were compared.")
    frames_differ: int | None = None
    max_difference: float | None = Field(None, description="Of a sample of audio or a pixel of an image, 0 to 1.")
    changes: list[str] = Field(default_factory=list, description="Of JSON and values: path: then -> now.")
    note: str = Field("", description="Why it was not compared further, or what else differs.")


class Reproduction(Contract):
    """A finished re-run, compared."""

    plan: ReproductionPlan
    job: str = Field(description="The new run.")
    status: str
    outputs: list[Compared]
    same: bool = Field(description="Whether every output is bit for bit the same.")
