"""A pipeline as front ends describe it: the inputs that it needs or rejects, and the services that it may use."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from schemas.base import Contract


class OptionUse(StrEnum):
    """What a pipeline does with an option."""

    NEEDED = "needed"
    ONE_OF = "one_of"  # exactly one of the options marked so is given
    OPTIONAL = "optional"
    UNUSED = "unused"  # it is refused rather than ignored


class StepView(Contract):
    """A node that the pipeline may have in its graph."""

    id: str
    name: str = Field(description="For people.")
    service: str
    optional: bool = Field(False, description="Whether it can be left out.")


class PipelineView(Contract):
    """A pipeline."""

    name: str
    title: str = Field(description="For a card or a menu.")
    doc: str = Field(description="One sentence.")
    listed: bool = Field(description="Whether a page shows it; the others are for the page's own use.")
    options: dict[str, OptionUse] = Field(description="Every option that any pipeline knows.")
    steps: list[StepView] = Field(description="In the order in which they can run.")
    result: str = Field("", description='"node.output" that is the video of the job, where it makes one.')
