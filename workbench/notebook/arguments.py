"""Converts the arguments of the Python API into the types of the client layer, or raises errors with examples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from nodes.registry import services
from nodes.sdk import field_type
from schemas.errors import WorkbenchError
from schemas.graph import Graph
from schemas.problem import invalid
from schemas.refs import Ref
from schemas.status import Lane
from workbench.client.files import path_or_name
from workbench.pipelines.sdk import InputField, Pipeline


def params_by_node(params: object, where: str) -> dict[str, dict[str, Any]]:
    """Parameters by node, like ``{"animate": {"sway": 0.5}}``. Raises WorkbenchError (request.invalid) otherwise."""
    if params is None:
        return {}
    if not isinstance(params, Mapping) or not all(isinstance(values, Mapping) for values in params.values()):
        raise WorkbenchError(
            "request.invalid",
            "parameters must be grouped by node",
            where=f"{where}: params",
            seen=params,
            allowed='{"animate": {"sway": 0.5}}',
            remedy="Use a dict with the node's name as key; `wb.pipelines` shows the nodes.",
        )
    return {str(node): dict(values) for node, values in params.items()}


def as_given(pipeline: Pipeline, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs of a pipeline, with files as paths or references, and LoRAs also as names.

    Raises WorkbenchError (node.bad_input).
    """
    takes = pipeline.inputs
    files = {name for name, value in inputs.items() if name in takes and takes[name].kind.is_file and value}
    return {name: _file(value, takes[name]) if name in files else value for name, value in inputs.items()}


def _file(value: Any, wanted: InputField) -> str | Path | Ref:
    found = file_named(value, wanted.name)
    return found if isinstance(found, Ref) else path_or_name(found, wanted)


def file_named(file: Any, where: str) -> Path | Ref:
    """The path of a file, or the reference that a value is or has. Raises WorkbenchError (node.bad_input)."""
    ref = file if isinstance(file, Ref) else getattr(file, "ref", None)
    if isinstance(ref, Ref):
        return ref
    if isinstance(file, (str, Path)):
        return Path(file)
    raise WorkbenchError(
        "node.bad_input",
        f"{type(file).__name__} is not a file",
        where=where,
        seen=repr(file)[:200],
        allowed="a path, an artifact of a job, or a reference",
        remedy="Use one of those.",
    )


def node_names(names: str | Iterable[str]) -> list[str]:
    """A list of node names; a single name is allowed too."""
    return [names] if isinstance(names, str) else list(names)


def lane_of(lane: str) -> Lane:
    """The lane of that name. Raises WorkbenchError (request.invalid)."""
    try:
        return Lane(lane)
    except ValueError:
        raise WorkbenchError(
            "request.invalid",
            f"there is no lane {lane}",
            where="lane",
            seen=lane,
            allowed=[one.value for one in Lane],
            remedy="Use one of them.",
        ) from None


def validated(model: Any, body: dict[str, Any], /, code: str = "request.invalid", **more: Any) -> Any:
    """The body as a validated model. Raises WorkbenchError (``code``) with the first error.

    ``more`` is passed to ``invalid``.
    """
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise invalid(error, code, **more) from None


def file_kind(taken: FieldInfo) -> str | None:
    """The kind of file that an input of a node takes; None if it takes no file."""
    kind = field_type(taken)
    return str(kind.model_fields["kind"].default) if isinstance(kind, type) and issubclass(kind, Ref) else None


def inputs_and_params(
    values: Mapping[str, Any], inputs: type[BaseModel], params: type[BaseModel], *, node: str, where: str, remedy: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The values of a node split into (inputs, params). A name that both models have is an input.

    Args:
        node: the node in the words of the error.
        where: the place that the error names before the value.

    Raises WorkbenchError (graph.bad_param) for other names.
    """
    every = [*inputs.model_fields, *params.model_fields]
    if unknown := [name for name in values if name not in every]:
        raise WorkbenchError(
            "graph.bad_param",
            f"{node} has no parameter or input {unknown[0]}",
            where=where + unknown[0],
            seen=unknown,
            allowed=get_close_matches(unknown[0], every, n=3) or every,
            remedy=remedy,
        )
    given = {name: value for name, value in values.items() if name in inputs.model_fields}
    return given, {name: value for name, value in values.items() if name not in given}


def document_of(what: Any) -> dict[str, Any]:
    """The JSON of a graph in any of its forms. Raises WorkbenchError (request.invalid) for other objects."""
    if isinstance(what, Mapping):
        return dict(what)
    graph = what if isinstance(what, Graph) else what.build() if hasattr(what, "build") else None
    if graph is None:
        raise WorkbenchError(
            "request.invalid",
            f"{type(what).__name__} cannot be run",
            where="run",
            seen=what,
            allowed="the name of a pipeline, a graph built with wb.graph(), or the JSON of a graph",
            remedy="`wb.pipelines` lists the names.",
        )
    return dict(graph.model_dump(mode="json", by_alias=True))


def refuse_options(options: Mapping[str, Any]) -> None:
    """Refuse options of a pipeline for a graph. Raises WorkbenchError (request.invalid)."""
    given = [name for name, value in options.items() if value]
    if given:
        raise WorkbenchError(
            "request.invalid",
            f"{', '.join(given)}: these are options of a pipeline, but this is a graph",
            where="run",
            seen=given,
            allowed="experiment, lane, key, consent",
            remedy="Set them in the graph: parameters in its nodes, the seed in wb.graph(seed=…).",
        )


def refuse_cells(document: dict[str, Any]) -> None:
    """Refuse nodes that are defined in a cell of this notebook: no worker has them, so the job would wait forever.

    Raises WorkbenchError (graph.unknown_service).
    """
    known = services()
    for node in document.get("nodes") or ():
        declaration = known.get(node.get("service", "")) if isinstance(node, dict) else None
        if declaration is not None and declaration.run.__module__ == "__main__":
            family, _, name = declaration.service.partition(".")
            raise WorkbenchError(
                "graph.unknown_service",
                f"{declaration.service} is defined in this notebook, so the workers do not have it",
                where=f"node {node.get('id')}: service",
                seen=declaration.service,
                remedy=f"Test it with wb.try_node. Then save it as nodes/{family}/{name}.py, restart the "
                "workers (`workbench down`, `workbench up`) and this kernel, which still has it from the cell.",
            )
