"""Resolves the sources of a node's inputs.

An input is taken from the parent output of the same name. If two parents have one, or the name differs, the graph names
the source: ``"input": {"audio": "$speech.audio"}``. Of a list of references, the first available one is used, so that a
join takes the result of either branch. A value that starts with a dollar sign is written as ``$$…``.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Mapping, Set
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from nodes.sdk import NodeDeclaration, field_type
from schemas.errors import WorkbenchError
from schemas.graph import Edge, Node
from schemas.problem import invalid
from schemas.refs import Ref
from schemas.status import NodeStatus

_REFERENCE = re.compile(r"^\$([A-Za-z_][A-Za-z0-9_-]*)\.([A-Za-z_]\w*)$")


@dataclass(frozen=True)
class Reference:
    """An output of another node."""

    node: str
    output: str

    def __str__(self) -> str:
        return f"${self.node}.{self.output}"


def references(value: Any) -> list[Reference]:
    """The references of an input, in order; empty if it is a value."""
    items = value if isinstance(value, list) and value else [value]
    found = [_REFERENCE.match(item) if isinstance(item, str) else None for item in items]
    if not all(found):
        return []
    return [Reference(match[1], match[2]) for match in found if match]


def literal(value: Any) -> Any:
    """The value of an input that is not a reference."""
    return value[1:] if isinstance(value, str) and value.startswith("$$") else value


def first_available(named: list[Reference], outputs: Mapping[str, Mapping[str, Any]]) -> Any:
    """The value of the first reference whose node has that output; None if no node has."""
    values = (outputs.get(reference.node, {}).get(reference.output) for reference in named)
    return next((value for value in values if value is not None), None)


def summary(inputs: dict[str, Any], outputs: dict[str, dict[str, Any]]) -> dict[str, str]:
    """A node's resolved inputs, shortened for an error message."""
    found = {}
    for name, bound in inputs.items():
        named = references(bound)
        text = str(first_available(named, outputs) if named else bound)
        found[name] = text if len(text) <= 200 else text[:199] + "…"
    return found


def bind(
    node: Node,
    declaration: NodeDeclaration,
    parents: list[Edge],
    ancestors: Set[str],
    declared: dict[str, NodeDeclaration],
) -> dict[str, Any]:
    """The node's inputs with all references made explicit.

    Args:
        node: the node to bind.
        declaration: declaration of its service.
        parents: its incoming edges.
        ancestors: ids of all nodes that run before it.
        declared: declarations of all nodes of the graph, by node id.

    Raises WorkbenchError: graph.missing_input, graph.ambiguous_input, graph.bad_input.
    """
    fields = declaration.inputs.model_fields
    unknown = sorted(set(node.input) - set(fields))
    if unknown:
        raise WorkbenchError(
            "graph.bad_input",
            f"{node.service} has no input {unknown[0]}",
            where=f"node {node.id}: input.{unknown[0]}",
            seen=unknown,
            allowed=sorted(fields) or "no inputs",
            remedy="Correct the name or remove the input.",
        )
    bound: dict[str, Any] = {}
    for name, field in fields.items():
        where = f"node {node.id}: input.{name}"
        if name in node.input:
            bound[name] = node.input[name]
            named = references(node.input[name])
            for reference in named:
                _check_reference(reference, where, field_type(field), ancestors, declared)
            if not named:
                _check_value(literal(node.input[name]), field.annotation, where)
            continue
        providers = [
            edge.from_
            for edge in parents
            if edge.kind.fires(NodeStatus.COMPLETED) and name in declared[edge.from_].outputs.model_fields
        ]
        if len(providers) > 1:
            raise WorkbenchError(
                "graph.ambiguous_input",
                f"{len(providers)} parents provide {name}",
                where=where,
                seen=providers,
                allowed=[f"${parent}.{name}" for parent in providers],
                remedy=f'Name one: "input": {{"{name}": "${providers[0]}.{name}"}}; a list takes the first available.',
            )
        if providers:
            reference = Reference(providers[0], name)
            _check_reference(reference, where, field_type(field), ancestors, declared)
            bound[name] = str(reference)
        elif field.is_required():
            possible = sorted(
                f"${other}.{output}"
                for other in ancestors
                for output, candidate in declared[other].outputs.model_fields.items()
                if _fits(field_type(candidate), field_type(field))
            )
            raise WorkbenchError(
                "graph.missing_input",
                f"{node.service} needs {name}, but no parent provides it",
                where=where,
                seen="nothing",
                allowed=possible or "an edge from a node with this output, or a value",
                remedy=f"Add an edge, or set input.{name}.",
            )
    return bound


def _check_reference(
    reference: Reference, where: str, wanted: Any, ancestors: Set[str], declared: dict[str, NodeDeclaration]
) -> None:
    def refused(message: str, allowed: Any, remedy: str, seen: str = str(reference)) -> WorkbenchError:
        return WorkbenchError("graph.bad_input", message, where=where, seen=seen, allowed=allowed, remedy=remedy)

    if reference.node not in ancestors:
        before = sorted(ancestors) or "a node before this one"
        if reference.node not in declared:
            raise refused(f"{reference} refers to a node that does not exist", before, "Correct the node id.")
        raise refused(f"{reference} does not run before this node", before, f"Add an edge from {reference.node}.")
    outputs = declared[reference.node].outputs.model_fields
    if reference.output not in outputs:
        raise refused(
            f"{declared[reference.node].service} has no output {reference.output}",
            [f"${reference.node}.{name}" for name in outputs],
            "Correct the name of the output.",
        )
    offered = field_type(outputs[reference.output])
    if not _fits(offered, wanted):
        remedy = "Use an output of the input's type."
        raise refused(f"{reference} has another type", _type_name(wanted), remedy, _type_name(offered))


@cache
def _adapter(annotation: Any) -> TypeAdapter[Any]:
    return TypeAdapter(annotation)  # takes longer than most validations


def _check_value(value: Any, annotation: Any, where: str) -> None:
    try:
        _adapter(annotation).validate_python(value)
    except ValidationError as error:
        raise invalid(
            error,
            "graph.bad_input",
            "the value does not match the type",
            where=where,
            allowed=_type_name(annotation),
            remedy="Use a value of that type, or a reference.",
        ) from None


def _fits(offered: Any, wanted: Any) -> bool:
    if isinstance(offered, type) and isinstance(wanted, type) and issubclass(offered, Ref):
        return issubclass(offered, wanted) or wanted is Ref
    return offered == wanted or wanted is Any


def _type_name(annotation: Any) -> str:
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return annotation.__name__
    arguments = typing.get_args(annotation)
    if arguments and typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return " or ".join(_type_name(argument) for argument in arguments if argument is not type(None))
    return str(annotation).replace("typing.", "")
