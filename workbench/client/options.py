"""The options of a pipeline in JSON bodies: a model derived from its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, create_model
from pydantic.alias_generators import to_camel, to_snake

from schemas.api import CommonOptions
from schemas.errors import WorkbenchError
from schemas.lora import LoraName
from schemas.problem import invalid
from schemas.refs import Ref, Sha256
from workbench.pipelines.registry import pipelines
from workbench.pipelines.sdk import InputField, Pipeline
from workbench.pipelines.sdk.building import check_given
from workbench.pipelines.sdk.inputs import has_content


@cache
def options_model(pipeline: Pipeline) -> type[CommonOptions]:
    """A model with a field for each input, and the options that all pipelines share.

    A file is a digest; a LoRA is a name or a digest.

    No field is required. ``check_given`` reports missing inputs together with their group.
    """
    fields: dict[str, Any] = {name: _field(one) for name, one in pipeline.inputs.items()}
    name = "".join(part.title() for part in pipeline.name.split("_"))
    return create_model(f"{name}Options", __base__=CommonOptions, __doc__=pipeline.doc, **fields)


def _field(one: InputField) -> Any:
    file = LoraName if one.upload_kind == "lora" else Sha256  # a digest has the form of a name
    annotation = file if one.kind.is_file else Annotated[one.annotation, *one.field.metadata]
    default = "" if one.default is None and one.annotation is str else one.default
    return (
        annotation if default is not None else annotation | None,
        Field(default, title=one.title, description=one.doc),
    )


def read_options(pipeline: Pipeline, given: Mapping[str, Any]) -> tuple[CommonOptions, dict[str, Any]]:
    """The options, and the files among them as they were given, by input name.

    Args:
        given: names in Python or JSON form; a file is a digest, or any value that ``files.file_given`` takes.

    Raises WorkbenchError: request.invalid for a value, pipeline.bad_option for an input of another pipeline.
    """
    names = {to_snake(name) if to_camel(to_snake(name)) == name else name: value for name, value in given.items()}
    foreign = [name for name in names if name not in pipeline.inputs and name not in CommonOptions.model_fields]
    for name in foreign:
        if not any(name in other.inputs for other in pipelines().values()):
            raise _unknown(pipeline, name, names[name])
        value = names.pop(name)
        if has_content(value):
            check_given(pipeline, {name: value})
    files = {name: value for name, value in names.items() if isinstance(value, Path | Ref)}
    try:
        return options_model(pipeline).model_validate({n: v for n, v in names.items() if n not in files}), files
    except ValidationError as error:
        raise invalid(error, "request.invalid", where="options") from None


def check_options(pipeline: Pipeline, given: Mapping[str, Any]) -> None:
    """Refuse invalid options before a file is opened or a server is contacted. Raises like ``read_options``."""
    options, files = read_options(pipeline, given)
    check_given(pipeline, {name: getattr(options, name) for name in pipeline.inputs} | files)


def _unknown(pipeline: Pipeline, name: str, seen: object) -> WorkbenchError:
    return WorkbenchError(
        "request.invalid",
        f"no pipeline has an input {name}",
        where=f"options.{name}",
        seen=seen,
        allowed=[*pipeline.inputs, *CommonOptions.model_fields],
        remedy="Correct the name or omit it; GET /api/pipelines lists the inputs of each pipeline.",
    )
