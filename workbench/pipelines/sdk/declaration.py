"""``@pipeline`` declares a pipeline, like ``@node`` declares a service."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from schemas.errors import WorkbenchError
from schemas.pipeline import InputUse, PipelineView, StepView
from workbench.pipelines.sdk.graph import PipelineGraph, Step
from workbench.pipelines.sdk.inputs import InputField, PipelineInputs, fields_of, has_content

BuildFunction = Callable[[PipelineGraph, Any], None]
DECLARED: dict[str, Pipeline] = {}  # filled by the decorator

_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
# Names that front ends use for the settings of every pipeline, and for the record of a job.
_COMMON = {"seed", "params", "set", "leave_out", "without", "fresh"}
_RECORDED = {"experiment", "lane", "key", "consent", "parent_run"}
RESERVED = frozenset({"pipeline", "what", "graph", "out", "detach", "json", "help", *_COMMON, *_RECORDED})


@dataclass(frozen=True)
class Preset:
    """Named parameters."""

    name: str
    doc: str
    params: Mapping[str, Mapping[str, Any]]
    leave_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Example:
    """Inputs that a user selects with a click on the page, and submits with another one."""

    title: str
    doc: str
    inputs: Mapping[str, Any]
    params: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Pipeline:
    """A declared pipeline."""

    name: str
    title: str
    doc: str
    category: str
    tags: tuple[str, ...]
    model: type[PipelineInputs]
    inputs: Mapping[str, InputField]
    steps: tuple[Step, ...]
    build: BuildFunction
    result: tuple[str, str] | None
    listed: bool
    internal: bool
    presets: tuple[Preset, ...]
    examples: tuple[Example, ...]
    file: str

    @cached_property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """Groups of inputs; exactly one input of each group is given."""
        return tuple(dict.fromkeys(one.group for one in self.inputs.values() if one.group))

    @property
    def optional(self) -> frozenset[str]:
        """Ids of the optional nodes."""
        return frozenset(step.id for step in self.steps if step.optional)

    def used_as(self, use: InputUse) -> list[str]:
        """Names of its inputs with that use, in order."""
        return [name for name, one in self.inputs.items() if one.use is use]

    def given_names(self, given: Mapping[str, Any]) -> list[str]:
        """Names of the inputs with a value other than their default, including unknown inputs."""
        return [
            n
            for n, value in given.items()
            if (self.inputs[n].is_set(value) if n in self.inputs else has_content(value))
        ]

    def missing_inputs(self, given: Collection[str]) -> list[str]:
        """The inputs that are still missing: required ones, and the first of each group of which none is given."""
        needed = [name for name in self.used_as(InputUse.NEEDED) if name not in given]
        return [*needed, *(group[0] for group in self.groups if not set(group) & set(given))]

    def view(self) -> PipelineView:
        """The description for front ends."""
        return PipelineView(
            name=self.name,
            title=self.title,
            doc=self.doc,
            category=self.category,
            tags=list(self.tags),
            listed=self.listed,
            inputs=[one.view() for one in self.inputs.values()],
            steps=[StepView(id=s.id, name=s.name, service=s.service, optional=s.optional) for s in self.steps],
            result=".".join(self.result or ()),
            reviews=[step.id for step in self.steps if step.asks],
        )


def pipeline(
    name: str,
    *,
    title: str,
    steps: tuple[Step, ...],
    result: str = "",
    category: str = "",
    tags: tuple[str, ...] = (),
    listed: bool = True,
    internal: bool = False,
    presets: tuple[Preset, ...] = (),
    examples: tuple[Example, ...] = (),
) -> Callable[[BuildFunction], BuildFunction]:
    """Declare ``build(graph, inputs)`` as a pipeline. Its docstring describes the result in a sentence.

    Args:
        name: lower-case letters, digits and underscores.
        title: title for cards and menus.
        steps: all nodes that its graphs may have, in an order in which they can run.
        result: "node.output", the main result of a job; if it is a video, it is the job's video.
        category, tags: words for grouping and searching.
        listed: whether a page lists it. Forms of other pipelines can use an unlisted one.
        internal: whether the workbench itself submits its jobs, so that lists of jobs omit them.
        presets: named parameters for a form.
        examples: inputs that a new user of the page can select with a click.

    Raises:
        WorkbenchError: pipeline.bad_declaration, with the file and the field.
    """

    def declare(build: BuildFunction) -> BuildFunction:
        file = inspect.getsourcefile(build) or "?"

        def refuse(where: str, problem: str, remedy: str) -> typing.NoReturn:
            raise WorkbenchError(
                "pipeline.bad_declaration", f"{name}: {problem}", where=f"{file}: {where}", remedy=remedy
            )

        doc = (inspect.getdoc(build) or "").split("\n\n")[0].replace("\n", " ")
        model = _model_of(build, refuse)
        try:
            inputs = fields_of(model)
        except ValueError as error:
            refuse(model.__name__, str(error), "docs/pipelines.md describes the types of inputs.")
        node, _, output = result.partition(".")
        known = DECLARED.get(name)
        if not _NAME.fullmatch(name):
            refuse("name", f"{name!r} is not a valid pipeline name", "Use lower-case letters, digits and underscores.")
        if known is not None and Path(known.file) != Path(file):
            refuse("name", f"also declared in {known.file}", "Rename one of the two.")
        if not doc:
            refuse("build", "build has no docstring", "Describe the result in a sentence.")
        ids = [step.id for step in steps]
        if len(set(ids)) != len(ids):
            refuse("steps", f"two steps have the same id: {', '.join(ids)}", "Give each step a unique id.")
        if result and (node not in ids or not output):
            refuse("result", f"{result!r} is not an output of a step", 'Use "node.output" with the id of a step.')
        for preset in presets:
            if unknown := [one for one in (*preset.params, *preset.leave_out) if one not in ids]:
                refuse("presets", f"{preset.name} sets {unknown[0]}, which is not a step", "Use the ids of steps.")
        for example in examples:
            if unknown := [one for one in example.inputs if one not in inputs]:
                refuse(
                    "examples", f"{example.title} sets {unknown[0]}, which is not an input", "Use the names of inputs."
                )
        _check_inputs(inputs, refuse)
        DECLARED[name] = Pipeline(
            name=name,
            title=title,
            doc=doc,
            category=category,
            tags=tags,
            model=model,
            inputs=inputs,
            steps=steps,
            build=build,
            result=(node, output) if result else None,
            listed=listed,
            internal=internal,
            presets=presets,
            examples=examples,
            file=file,
        )
        return build

    return declare


def _model_of(build: BuildFunction, refuse: Callable[[str, str, str], typing.NoReturn]) -> type[PipelineInputs]:
    model = typing.get_type_hints(build).get("inputs")
    if not (isinstance(model, type) and issubclass(model, PipelineInputs)):
        refuse(
            "inputs",
            "inputs is not annotated with a model",
            "Declare build(graph: PipelineGraph, inputs: Inputs) -> None.",
        )
    return model


def _check_inputs(inputs: Mapping[str, InputField], refuse: Callable[[str, str, str], typing.NoReturn]) -> None:
    for name, one in inputs.items():
        if name in RESERVED:
            refuse(name, f"{name} is a reserved name", f"Use another name than {', '.join(sorted(RESERVED))}.")
        if one.group and one.field.is_required():
            refuse(name, f"{name} is one of {', '.join(one.group)} and has no default", 'Add a default: None or "".')
        if len(one.group) == 1:
            refuse(
                name, f"{name} is the only input of its group {one.form.one_of!r}", "Add a second input to the group."
            )
        if unknown := [other for other in one.form.needs if other not in inputs]:
            refuse(name, f"{name} needs {unknown[0]}, which is not an input", "Use the names of inputs of the model.")
        filled = one.form.filled_by
        if filled and (unknown := [other for other in filled.takes.values() if other not in inputs]):
            refuse(
                name,
                f"{name} is filled from {unknown[0]}, which is not an input",
                "Use the names of inputs of the model.",
            )
