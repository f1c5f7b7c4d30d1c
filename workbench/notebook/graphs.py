"""Builds graphs by hand: ``g.generate.hibari_tts(narration="Hello")``, checked at each step.

The families and services, their keywords, defaults and bounds come from the node models, so a new node is available
automatically. The result of a call has an attribute for each output; passing one to another call adds the edge.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import orjson
from pydantic import BaseModel

from nodes.registry import services
from nodes.sdk import NodeDeclaration, field_type
from schemas.errors import WorkbenchError
from schemas.graph import SCHEMA, Edge, Graph, Node
from schemas.refs import Ref
from schemas.status import EdgeKind
from workbench.engine.validate import checked_params
from workbench.notebook.arguments import file_kind, inputs_and_params, validated
from workbench.notebook.artifact import Artifact
from workbench.notebook.job import Job
from workbench.notebook.shown_graph import ShownGraph


class Output:
    """An output of a node of the graph, whose value is not available before the node runs."""

    def __init__(self, node: BuiltNode, name: str) -> None:
        self.node = node
        self.name = name

    def __repr__(self) -> str:
        return f"${self.node.id}.{self.name}"


class BuiltNode:
    """A node of the graph. Its outputs are its attributes."""

    def __init__(self, node_id: str, declaration: NodeDeclaration) -> None:
        self.id = node_id
        self.declaration = declaration

    def __getattr__(self, name: str) -> Output:
        declaration = self.__dict__.get("declaration")
        if name.startswith("__") or declaration is None:
            raise AttributeError(name)
        outputs = declaration.outputs.model_fields
        if name not in outputs:
            raise AttributeError(
                f"{declaration.service} has no output {name}; it has {', '.join(outputs) or 'none'}",
                name=name,
                obj=self,
            )
        return Output(self, name)

    def __dir__(self) -> Iterable[str]:
        return ["id", *self.declaration.outputs.model_fields]

    def __repr__(self) -> str:
        return f"<{self.id}: {self.declaration.service} -> {', '.join(self.declaration.outputs.model_fields)}>"


class GraphBuilder:
    """A graph under construction. Nothing is sent before it runs.

    Args:
        upload: stores a file of a kind and returns its reference.
        submit: submits the graph with the options of ``wb.run``.
        draw: creates the drawing of a graph.
    """

    def __init__(
        self,
        name: str,
        *,
        seed: int = 0,
        upload: Callable[[Any, str], Ref],
        submit: Callable[..., Job],
        draw: Callable[[Graph], ShownGraph],
    ) -> None:
        self._draw = draw
        self._upload = upload
        self._submit = submit
        self.name = name
        self.seed = seed
        self._nodes: dict[str, Node] = {}
        self._edges: list[Edge] = []

    # -- building ---------------------------------------------------------------------------------------------------

    def __getattr__(self, family: str) -> Family:
        if family.startswith("_") or family not in _families():
            near = get_close_matches(family, _families(), n=3)
            raise AttributeError(
                f"there is no service family {family}; available: {', '.join(near or sorted(_families()))}",
                name=family,
                obj=self,
            )
        return Family(self, family)

    def __dir__(self) -> Iterable[str]:
        return [*super().__dir__(), *_families()]

    def add(
        self, service: str, *, as_: str = "", after: BuiltNode | Iterable[BuiltNode] = (), **values: Any
    ) -> BuiltNode:
        """Add a node; ``g.generate.remux(…)`` does the same.

        Args:
            service: full name of the service.
            as_: id in the graph; default: the last part of the service, numbered if it is taken.
            after: nodes that must have completed before, without passing data.
            values: parameters and inputs by name. For a file input, a path is uploaded.

        Raises WorkbenchError: graph.unknown_service, graph.bad_param, graph.bad_input.
        """
        declaration = _declaration(service)
        node_id = as_ or self._free_id(service.rpartition(".")[2])
        if node_id in self._nodes:
            raise WorkbenchError(
                "graph.schema",
                f"the graph already has a node {node_id}",
                where="as_",
                seen=node_id,
                allowed="an unused id",
                remedy="Choose another id, or omit it.",
            )
        inputs, params = inputs_and_params(
            values,
            declaration.inputs,
            declaration.params,
            node=service,
            where=f"node {node_id}: ",
            remedy=f"`workbench nodes {service}` shows them.",
        )
        parents: dict[str, None] = dict.fromkeys(one.id for one in ([after] if isinstance(after, BuiltNode) else after))
        bound = {name: self._bound(value, declaration.inputs, name, parents) for name, value in inputs.items()}
        node = validated(Node, {"id": node_id, "service": service, "params": params, "input": bound})
        checked_params(node, declaration)
        self._nodes[node_id] = node
        self._edges += [Edge(from_=parent, to=node_id) for parent in parents]
        return BuiltNode(node_id, declaration)

    def on_failure(self, node: BuiltNode, *, then: BuiltNode) -> None:
        """Run ``then`` only if ``node`` failed."""
        self._edges.append(Edge(from_=node.id, to=then.id, kind=EdgeKind.ON_FAILURE))

    def remove(self, node: BuiltNode) -> None:
        """Remove a node and its edges."""
        self._nodes.pop(node.id, None)
        self._edges = [edge for edge in self._edges if node.id not in (edge.from_, edge.to)]

    def _free_id(self, stem: str) -> str:
        number, node_id = 1, stem
        while node_id in self._nodes:
            number += 1
            node_id = f"{stem}_{number}"
        return node_id

    def _bound(self, value: Any, model: type[BaseModel], name: str, parents: dict[str, None]) -> Any:
        """An input in the form of the document. Nodes that it comes from are added to ``parents``."""
        if isinstance(value, (list, tuple)) and value and all(isinstance(item, Output) for item in value):
            return [self._bound(item, model, name, parents) for item in value]
        if isinstance(value, Output):
            parents.setdefault(value.node.id)
            return f"${value.node.id}.{value.name}"
        kind = file_kind(model.model_fields[name])
        if kind and isinstance(value, (str, Path, Ref, Artifact)):
            return self._upload(value, kind).model_dump(mode="json", by_alias=True, exclude_none=True)
        if isinstance(value, BaseModel):
            return value.model_dump(mode="json", by_alias=True)
        return f"${value}" if isinstance(value, str) and value.startswith("$") else value

    # -- using ------------------------------------------------------------------------------------------------------

    def build(self) -> Graph:
        """The graph document. Raises WorkbenchError (graph.schema) if the graph has no nodes."""
        if not self._nodes:
            raise WorkbenchError(
                "graph.schema",
                "the graph has no nodes",
                where=self.name,
                allowed=sorted(_families()),
                remedy="Add a node: g.generate.hibari_tts(narration='Hello.')",
            )
        return Graph(
            schema_=SCHEMA,
            workflow_id=self.name,
            context={"seed": self.seed},
            nodes=list(self._nodes.values()),
            edges=self._edges,
        )

    def to_json(self, *, indent: bool = True) -> str:
        """The ``langgraph.v1`` document; `workbench submit` accepts it as a file."""
        document = self.build().model_dump(mode="json", by_alias=True, exclude_defaults=True)
        document = {"schema": SCHEMA, **document}
        return orjson.dumps(document, option=orjson.OPT_INDENT_2 if indent else 0).decode()

    def draw(self) -> ShownGraph:
        """The graph as a drawing."""
        return self._draw(self.build())

    def run(self, **options: Any) -> Job:
        """Submit the graph. ``options`` are those of ``wb.run`` for graphs: experiment, lane, key, consent."""
        return self._submit(self, **options)

    def __repr__(self) -> str:
        return f"<graph {self.name}: {', '.join(self._nodes) or 'no nodes'}>"

    def _repr_html_(self) -> str | None:
        return self.draw()._repr_html_() if self._nodes else None


class Family:
    """The services of one family, as attributes."""

    def __init__(self, builder: GraphBuilder, family: str) -> None:
        self._builder = builder
        self._family = family

    def __getattr__(self, name: str) -> Service:
        if name.startswith("__"):
            raise AttributeError(name)
        known = _families()[self._family]
        if name not in known:
            raise AttributeError(
                f"there is no service {self._family}.{name}; available: "
                f"{', '.join(get_close_matches(name, known, n=3) or sorted(known))}",
                name=name,
                obj=self,
            )
        return Service(self._builder, known[name])

    def __dir__(self) -> Iterable[str]:
        return _families()[self._family]


class Service:
    """A callable that adds a node, with the signature and documentation of the node file."""

    def __init__(self, builder: GraphBuilder, declaration: NodeDeclaration) -> None:
        self._builder = builder
        self._declaration = declaration
        self.__doc__ = _help(declaration)
        self.__signature__ = _signature(declaration)

    def __call__(self, **values: Any) -> BuiltNode:
        return self._builder.add(self._declaration.service, **values)

    def __repr__(self) -> str:
        return f"{self._declaration.service}{self.__signature__}"


def _families() -> dict[str, dict[str, NodeDeclaration]]:
    found: dict[str, dict[str, NodeDeclaration]] = {}
    for service, declaration in services().items():
        family, _, name = service.partition(".")
        found.setdefault(family, {})[name] = declaration
    return found


def _declaration(service: str) -> NodeDeclaration:
    known = services()
    if service not in known:
        raise WorkbenchError(
            "graph.unknown_service",
            f"no service {service} is installed",
            where="add",
            seen=service,
            allowed=get_close_matches(service, known, n=3, cutoff=0.4) or sorted(known),
            remedy="dir(g) shows the families, dir(g.generate) the services of a family.",
        )
    return known[service]


def _signature(declaration: NodeDeclaration) -> inspect.Signature:
    parameters = []
    for model in (declaration.inputs, declaration.params):
        for name, field in model.model_fields.items():
            default = inspect.Parameter.empty if field.is_required() else field.get_default(call_default_factory=True)
            parameters.append(
                inspect.Parameter(
                    name,
                    inspect.Parameter.KEYWORD_ONLY,
                    default=default,
                    annotation=field_type(field),
                )
            )
    unique = {parameter.name: parameter for parameter in reversed(parameters)}
    return inspect.Signature(list(reversed(unique.values())), return_annotation=BuiltNode)


def _help(declaration: NodeDeclaration) -> str:
    lines = [declaration.doc.split("\n\n")[0].replace("\n", " "), ""]
    for title, model in (
        ("Inputs", declaration.inputs),
        ("Parameters", declaration.params),
        ("Outputs", declaration.outputs),
    ):
        if model.model_fields:
            lines.append(f"{title}:")
            lines += [f"    {name}: {field.description}" for name, field in model.model_fields.items()]
    return "\n".join(lines)
