"""What ``wb.run`` takes for a pipeline, as a model: a notebook's parameters cell mirrors it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from nodes.registry import services
from schemas.api import MAX_TEXT
from schemas.errors import WorkbenchError
from workbench.client.pipelines import find_pipeline
from workbench.engine.validate import checked_params
from workbench.workflows import OPTION_NAMES
from workbench.workflows.pipeline import check_options

DEFAULT_SCRIPT = "Good morning."


class RunRequest(BaseModel):
    """A run of a pipeline, checked as far as it can be without a bench: also the parameters of its nodes.

    ``wb.run(**RunRequest(script="Hello.").options())`` submits it. Where a pipeline needs a portrait or something to
    say and nothing is given, it has the packaged portrait and ``DEFAULT_SCRIPT``: a notebook runs as it stands.
    """

    model_config = ConfigDict(extra="forbid")

    pipeline: str = Field("talking_head", description="What is run; `workbench pipelines` lists them.")
    portrait: str = Field("", description="Image file with a face; empty or sample: the packaged one.")
    prompt: str = Field("", max_length=MAX_TEXT, description="What the script is about; a model writes it.")
    script: str = Field("", max_length=MAX_TEXT, description="A text that is spoken as it is.")
    audio: str = Field("", description="A recording of the speech, in place of a prompt or a script.")
    voice: str = Field("", description="A recording of the voice that is to speak.")
    ref_text: str = Field("", max_length=MAX_TEXT, description="What is said in the recording of the voice.")
    params: dict[str, dict[str, Any]] = Field(default_factory=dict, description="Parameters by node.")
    without: list[str] = Field(default_factory=list, description="Optional nodes to leave out.")
    seed: int = Field(0, ge=0, le=2**53 - 1, description="Equal seeds give equal videos.")
    fresh: bool = Field(False, description="Compute everything anew, whatever is known.")
    lane: Literal["interactive", "batch"] = Field("interactive", description="batch: behind what people wait for.")

    @model_validator(mode="after")
    def _the_pipeline_takes_it(self) -> RunRequest:
        # A WorkbenchError passes through pydantic as it is, with the node, the bounds and the remedy.
        pipeline = find_pipeline(self.pipeline)
        if "portrait" in pipeline.needs:
            self.portrait = self.portrait or "sample"
        if "script" in pipeline.one_of and not any(getattr(self, name) for name in pipeline.one_of):
            self.script = DEFAULT_SCRIPT
        options = {name: getattr(self, name, None) for name in OPTION_NAMES}
        check_options(pipeline, {name: value for name, value in options.items() if value})
        steps = {step.id: step for step in pipeline.steps}
        for name in (*self.params, *self.without):
            if name not in steps:
                raise WorkbenchError(
                    "pipeline.bad_option",
                    f"{pipeline.name} has no node {name}",
                    where=f"{pipeline.name}: {'params' if name in self.params else 'without'}",
                    seen=name,
                    allowed=list(steps),
                    remedy="`workbench pipelines` shows the nodes.",
                )
        known = services()
        for name, values in self.params.items():
            declaration = known[steps[name].service]
            fixed = {field for field, info in declaration.params.model_fields.items() if info.is_required()}
            if not fixed - set(values):
                checked_params(steps[name].node(params=values), declaration)
        return self

    def options(self) -> dict[str, Any]:
        """The arguments of ``wb.run``."""
        given = {name: value for name, value in self.model_dump(exclude={"pipeline"}).items() if value not in ("", [])}
        return {"what": self.pipeline, **given}
