"""The graph that a pipeline builds from steps and their inputs; the edges follow from the inputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from nodes.registry import services
from schemas.errors import WorkbenchError
from schemas.graph import SCHEMA, Edge, Graph, Node
from schemas.refs import Ref


@dataclass(frozen=True)
class Step:
    """A node that a pipeline may have in its graph."""

    id: str
    name: str
    service: str
    weight: float = 1.0  # its share of the progress, relative to the others
    optional: bool = False  # a user can leave it out
    tags: tuple[str, ...] = ()
    from_inputs: tuple[str, ...] = ()  # parameters that the pipeline sets from its inputs, so that forms omit them

    def takes(self, name: str) -> bool:
        """Whether its service has an input of that name."""
        return name in services()[self.service].inputs.model_fields

    @property
    def asks(self) -> bool:
        """Whether it waits for a person's decision."""
        declared = services().get(self.service)
        return declared is not None and declared.asks


@dataclass(frozen=True)
class Settings:
    """The settings that every pipeline has, and those of the deployment."""

    seed: int = 0
    params: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # node -> parameter -> value
    leave_out: frozenset[str] = frozenset()
    fresh: bool = False  # ignore the cache
    llm_model: str = ""  # model of the deployment's LLM server; "" for the packaged one


@dataclass(frozen=True)
class Output:
    """An output of a step in the graph."""

    node: str
    name: str

    def __str__(self) -> str:
        return f"${self.node}.{self.name}"


class Added:
    """A step in the graph. Its outputs are attributes: ``speech.audio``."""

    def __init__(self, node_id: str) -> None:
        self._id = node_id

    def __getattr__(self, name: str) -> Output:
        if name.startswith("_"):
            raise AttributeError(name)
        return Output(self._id, name)


class PipelineGraph:
    """The graph to which ``build`` adds its steps."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._nodes: list[Node] = []
        self._edges: list[Edge] = []
        self._before: dict[str, set[str]] = {}  # node -> all nodes that run before it

    def add(self, step: Step, params: Mapping[str, Any] | None = None, **inputs: Any) -> Added:
        """Add a step, with the pipeline's parameters and the inputs that are not None.

        An input is an output of another step, a reference, or a value. An edge is added from each step whose output is
        used, unless another edge already implies the order.
        """
        given = {name: value for name, value in inputs.items() if value is not None}
        parents = list(dict.fromkeys(value.node for value in given.values() if isinstance(value, Output)))
        implied = set().union(*(self._before[parent] for parent in parents))
        self._before[step.id] = implied | set(parents)
        self._edges += [Edge(from_=parent, to=step.id) for parent in parents if parent not in implied]
        self._nodes.append(
            Node(
                id=step.id,
                name=step.name,
                service=step.service,
                progress_weight=step.weight,
                params={**(params or {}), **self.settings.params.get(step.id, {})},
                input={name: _plain(value) for name, value in given.items()},
                tags=list(step.tags),
            )
        )
        return Added(step.id)

    def leaves_out(self, step: Step) -> bool:
        """Whether the user left the step out."""
        return step.id in self.settings.leave_out

    def sets(self, step: Step) -> bool:
        """Whether the user set a parameter of the step."""
        return step.id in self.settings.params

    def graph(self, name: str) -> Graph:
        """The graph for the pipeline's name.

        Raises WorkbenchError (pipeline.bad_option) for settings of a missing node.
        """
        ids = [node.id for node in self._nodes]
        for node_id in self.settings.params:
            if node_id not in ids:
                raise option_error(
                    name,
                    f"set {node_id}.…",
                    f"{name} has no node {node_id}",
                    get_close_matches(node_id, ids, n=3) or sorted(ids),
                    "`workbench pipelines` shows the nodes.",
                    seen=node_id,
                )
        context: dict[str, Any] = {"seed": self.settings.seed}
        if self.settings.fresh:
            context["cache"] = False
        return Graph(schema_=SCHEMA, workflow_id=name, context=context, nodes=self._nodes, edges=self._edges)


def option_error(pipeline: str, where: str, message: str, allowed: object, remedy: str, seen: object) -> WorkbenchError:
    """The error for an option that does not fit the pipeline."""
    if isinstance(allowed, Iterable) and not isinstance(allowed, str):
        allowed = list(allowed)
    return WorkbenchError(
        "pipeline.bad_option", message, where=f"{pipeline}: {where}", seen=seen, allowed=allowed, remedy=remedy
    )


def _plain(value: Any) -> Any:
    """The input's form in a graph. A text that starts with a dollar sign is escaped, so that it is not an output."""
    if isinstance(value, Ref):
        return value.model_dump(mode="json")
    if isinstance(value, str) and value.startswith("$"):
        return f"${value}"
    return str(value) if isinstance(value, Output) else value
