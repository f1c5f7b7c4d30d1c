"""Builds a pipeline's graph from the given inputs, or raises an error that names the input."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from pydantic import ValidationError

from schemas.errors import WorkbenchError
from schemas.graph import Graph
from schemas.pipeline import InputKind, InputUse
from schemas.problem import first_problem, invalid
from schemas.refs import AudioRef, FileRef, ImageRef, Ref, VideoRef
from workbench.pipelines.sdk.declaration import Pipeline
from workbench.pipelines.sdk.graph import PipelineGraph, Settings, option_error
from workbench.pipelines.sdk.inputs import InputField

_METAVARS = {InputKind.SWITCH: "", InputKind.TEXT: " TEXT", InputKind.CHOICE: " CHOICE"}
_DIGEST = "0" * 64
_PLACEHOLDERS: dict[InputKind, Any] = {
    InputKind.IMAGE: ImageRef(sha256=_DIGEST, width=256, height=256),  # small enough for upscaling
    InputKind.AUDIO: AudioRef(sha256=_DIGEST, duration_s=10.0, sample_rate_hz=16_000, channels=1),
    InputKind.VIDEO: VideoRef(sha256=_DIGEST, width=256, height=256, fps=25.0, frames=250, duration_s=10.0),
    InputKind.FILE: FileRef(sha256=_DIGEST),
    InputKind.TEXT: "-",
    InputKind.SWITCH: True,
}


def build(pipeline: Pipeline, given: Mapping[str, Any], settings: Settings | None = None) -> Graph:
    """The pipeline's graph.

    Args:
        given: inputs by name; files are references.

    Raises WorkbenchError: pipeline.bad_option, request.invalid, with the input.
    """
    settings = settings or Settings()
    check_given(pipeline, given)
    _check_left_out(pipeline, settings.leave_out)
    try:
        inputs = pipeline.model.model_validate({name: value for name, value in given.items() if not _blank(value)})
    except ValidationError as error:
        raise invalid_value(pipeline, error) from None
    graph = PipelineGraph(settings)
    pipeline.build(graph, inputs)
    return graph.graph(pipeline.name)


def placeholder_graph(
    pipeline: Pipeline, given: Mapping[str, Any] | None = None, settings: Settings | None = None
) -> Graph:
    """The graph with placeholders for missing required inputs, for a form or an estimate. It never runs.

    Raises like ``build``.
    """
    given = given or {}
    return build(pipeline, {**given, **placeholders(pipeline, pipeline.given_names(given))}, settings)


def steps_used(pipeline: Pipeline, given: Mapping[str, Any], leave_out: Collection[str] = ()) -> set[str]:
    """Ids of the nodes that a job would have. Files may be digests; none is opened. Raises like ``build``."""
    values = {
        name: _placeholder(one) if (one := pipeline.inputs[name]).kind.is_file else value
        for name, value in given.items()
    }
    return {node.id for node in placeholder_graph(pipeline, values, Settings(leave_out=frozenset(leave_out))).nodes}


def placeholders(pipeline: Pipeline, given: Collection[str] = ()) -> dict[str, Any]:
    """Placeholders for the required inputs that are not among ``given``."""
    return {name: _placeholder(pipeline.inputs[name]) for name in pipeline.missing_inputs(given)}


def samples(pipeline: Pipeline, given: Collection[str]) -> dict[str, str]:
    """Samples for the required inputs that are not among ``given``, if the pipeline has any."""
    found: dict[str, str] = {}
    for name in pipeline.missing_inputs(given):
        group = pipeline.inputs[name].group or (name,)
        found |= dict(
            [(one, pipeline.inputs[one].form.sample) for one in group if pipeline.inputs[one].form.sample][:1]
        )
    return found


def _blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _placeholder(one: InputField) -> Any:
    if one.kind is InputKind.TEXT and one.bound("pattern"):
        return one.form.example
    if one.kind in _PLACEHOLDERS:
        return _PLACEHOLDERS[one.kind]
    return one.choices[0] if one.choices else one.bound("ge", "gt", "le", "lt") or 0


def check_given(pipeline: Pipeline, values: Mapping[str, Any]) -> None:
    """Check that the pipeline takes the given inputs and that no required input is missing.

    Args:
        values: inputs by name; values equal to the default count as not given.

    Raises WorkbenchError (pipeline.bad_option) with the input.
    """
    given = pipeline.given_names(values)
    for name in given:
        if name not in pipeline.inputs:
            raise option_error(
                pipeline.name,
                name,
                f"{pipeline.name} does not use {name}",
                list(pipeline.inputs) or "no inputs",
                f"Leave {flag(name)} out.",
                seen=value.sha256 if isinstance(value := values[name], Ref) else value,
            )
    for name in pipeline.used_as(InputUse.NEEDED):
        if name not in given:
            raise option_error(
                pipeline.name,
                name,
                f"`{name}` is missing: the pipeline {pipeline.name} needs it",
                input_usage(pipeline, name),
                f"Give {name} (on the command line: {flag(name)}).",
                "nothing",
            )
    for group in pipeline.groups:
        _check_group(pipeline, group, [name for name in group if name in given])
    for name, one in pipeline.inputs.items():
        if name in given and one.form.needs and not set(one.form.needs) & set(given):
            raise option_error(
                pipeline.name,
                name,
                f"{name} needs {' or '.join(one.form.needs)}",
                [input_usage(pipeline, other) for other in one.form.needs],
                f"Give one of them, or leave {flag(name)} out.",
                seen=" and ".join(other for other in pipeline.inputs if other in given),
            )


def _check_group(pipeline: Pipeline, group: tuple[str, ...], chosen: list[str]) -> None:
    if len(chosen) == 1:
        return
    raise option_error(
        pipeline.name,
        " and ".join(chosen) or ", ".join(group),
        f"{pipeline.name} takes one of {', '.join(group)}"
        + (f", not {' and '.join(chosen)} at once" if chosen else ""),
        [input_usage(pipeline, name) for name in group],
        f"Leave {' or '.join(map(flag, chosen))} out." if chosen else "Give one of them.",
        seen=" and ".join(chosen) or "none of them",
    )


def _check_left_out(pipeline: Pipeline, leave_out: Collection[str]) -> None:
    for name in sorted(set(leave_out) - pipeline.optional):
        raise option_error(
            pipeline.name,
            "without",
            f"{name} cannot be left out of {pipeline.name}",
            sorted(pipeline.optional) or "nothing",
            "Leave out one of the optional nodes, or submit a graph of your own.",
            seen=name,
        )


def invalid_value(pipeline: Pipeline, error: ValidationError) -> WorkbenchError:
    """The error for an invalid value of an input."""
    name = first_problem(error).field
    wants = input_usage(pipeline, name) if name in pipeline.inputs else None
    return invalid(error, "request.invalid", where="options", allowed=wants)


def flag(name: str) -> str:
    """The command-line option of an input."""
    return f"--{name.replace('_', '-')}"


def file_metavar(one: InputField) -> str:
    """What the command line shows for the value of a file."""
    return "NAME|FILE" if one.upload_kind == "lora" else "FILE"


def input_usage(pipeline: Pipeline, name: str) -> str:
    """The description of an input, and its form on the command line."""
    one = pipeline.inputs[name]
    metavar = f" {file_metavar(one)}" if one.kind.is_file else _METAVARS.get(one.kind, " NUMBER")
    sample = f", or {flag(name)} sample for the packaged one" if one.kind.is_file and one.form.sample else ""
    return f"{one.doc.rstrip('.')}: {flag(name)}{metavar}{sample}"
