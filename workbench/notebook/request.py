"""The arguments of ``wb.run`` for a pipeline as a model, which the parameters cell of a notebook mirrors."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from nodes.registry import services
from schemas.errors import WorkbenchError
from schemas.graph import Node
from workbench.client.options import check_options
from workbench.engine.validate import checked_params
from workbench.notebook.arguments import as_given
from workbench.pipelines.registry import FIRST, find_pipeline
from workbench.pipelines.sdk import Pipeline
from workbench.pipelines.sdk.building import samples


class RunRequest(BaseModel):
    """A run of a pipeline, validated as far as possible without a deployment: its inputs and its nodes' parameters.

    ``wb.run(**RunRequest(script="Hello.").options())`` submits it. The pipeline's inputs are further fields beside
    those below. Missing required inputs use packaged samples, if the pipeline has them, so that a notebook runs without
    changes.
    """

    model_config = ConfigDict(extra="allow")  # the inputs, which the pipeline's model validates

    pipeline: str = Field(FIRST, description="Pipeline to run; `workbench pipelines` lists them.")
    params: dict[str, dict[str, Any]] = Field(default_factory=dict, description="Parameters by node.")
    without: list[str] = Field(default_factory=list, description="Optional nodes to leave out.")
    seed: int = Field(0, ge=0, le=2**53 - 1, description="The same seed gives the same video.")
    fresh: bool = Field(False, description="Ignore the cache and compute everything again.")
    consent: str = Field("", description="Your name, if everybody seen or heard in the files agreed; see wb.run.")
    lane: Literal["interactive", "batch"] = Field("interactive", description="batch: after all interactive jobs.")

    @property
    def inputs(self) -> dict[str, Any]:
        """The given inputs of the pipeline, by name."""
        return {name: value for name, value in self if name not in RunRequest.model_fields and value not in ("", None)}

    @model_validator(mode="after")
    def _the_pipeline_takes_it(self) -> RunRequest:
        # pydantic does not wrap a WorkbenchError, so it keeps the node, the bounds and the remedy.
        pipeline = find_pipeline(self.pipeline)
        for name, sample in samples(pipeline, pipeline.given_names(self.inputs)).items():
            setattr(self, name, sample)
        check_options(pipeline, as_given(pipeline, self.inputs))
        _check_nodes(pipeline, self.params, self.without)
        return self

    def options(self) -> dict[str, Any]:
        """The arguments of ``wb.run``."""
        own = self.model_dump(include=set(RunRequest.model_fields) - {"pipeline"})
        return {
            "what": self.pipeline,
            **self.inputs,
            **{name: value for name, value in own.items() if value not in ([], "")},
        }


def _check_nodes(pipeline: Pipeline, params: dict[str, dict[str, Any]], without: list[str]) -> None:
    """Raises WorkbenchError: pipeline.bad_option for an unknown node, graph.bad_param for an invalid value."""
    steps = {step.id: step for step in pipeline.steps}
    for name in (*params, *without):
        if name not in steps:
            raise WorkbenchError(
                "pipeline.bad_option",
                f"{pipeline.name} has no node {name}",
                where=f"{pipeline.name}: {'params' if name in params else 'without'}",
                seen=name,
                allowed=list(steps),
                remedy="`workbench pipelines` shows the nodes.",
            )
    for name, values in params.items():
        declaration = services()[steps[name].service]
        fixed = {field for field, info in declaration.params.model_fields.items() if info.is_required()}
        if not fixed - set(values):
            checked_params(Node(id=name, service=steps[name].service, params=values), declaration)
