"""A pipeline as front ends describe it: what it takes, what it makes, which services it may use."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from schemas.base import Contract


class InputKind(StrEnum):
    """What an input holds: a form shows a field for it, the command line an option, a notebook a keyword."""

    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"
    FILE = "file"  # InputView.holds says what is in it
    TEXT = "text"
    SWITCH = "switch"
    NUMBER = "number"
    INTEGER = "integer"
    CHOICE = "choice"

    @property
    def is_file(self) -> bool:
        return self in (InputKind.IMAGE, InputKind.AUDIO, InputKind.VIDEO, InputKind.FILE)


class InputUse(StrEnum):
    """Whether an input must be given."""

    NEEDED = "needed"
    ONE_OF = "one_of"  # exactly one input of its group is given
    OPTIONAL = "optional"


class InputView(Contract):
    """One input of a pipeline."""

    name: str = Field(description="As in Python, `ref_text`; JSON bodies take this and `refText`.")
    title: str = Field(description="Label of the field.")
    doc: str = Field(description="One sentence.")
    kind: InputKind
    holds: str = Field(
        "",
        pattern="^(portraits|lora)?$",
        description="What a file holds: `portraits`, a zip of portraits with optional captions; `lora`, a LoRA as one "
        "safetensors file, for which the name of a trained one can be given instead.",
    )
    use: InputUse
    group: list[str] = Field(default_factory=list, description="Inputs of which exactly one is given, with itself.")
    group_title: str = Field("", description="Title of that group, such as `What is said`.")
    alternative: str = Field("", description="What the choice between the inputs of the group calls this one.")
    needs: list[str] = Field(default_factory=list, description="Inputs of which one must be given with this one.")
    default: bool | int | float | str | None = Field(None, description="None for a file.")
    minimum: float | None = None
    maximum: float | None = None
    max_length: int | None = Field(None, description="Characters of a text.")
    choices: list[str] = Field(default_factory=list, description="The values of a choice.")
    multiline: bool = Field(False, description="Whether a text may have several lines.")
    example: str = Field("", description="What an empty field shows.")
    sample: bool = Field(False, description="Whether the workbench has a packaged sample: `sample` names it.")


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
    category: str = Field("", description="By which pipelines are grouped.")
    tags: list[str] = Field(default_factory=list, description="By which pipelines are found.")
    listed: bool = Field(description="Whether a page shows it; the others are for the page's own use.")
    inputs: list[InputView] = Field(description="What it takes, in the order of a form.")
    steps: list[StepView] = Field(description="In the order in which they can run.")
    result: str = Field("", description='"node.output" that the job is made for, such as "remux.video".')
    reviews: list[str] = Field(default_factory=list, description="Nodes that wait for a person's answer.")
