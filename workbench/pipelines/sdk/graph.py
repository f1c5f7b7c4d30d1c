"""The graph while a pipeline builds it: steps with what they take; the edges follow from that."""

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
    weight: float = 1.0  # its share of the progress, beside the others
    optional: bool = False  # can be left out
    tags: tuple[str, ...] = ()
    from_inputs: tuple[str, ...] = ()  # parameters that the pipeline sets from its inputs: no form asks for them twice

    def takes(self, name: str) -> bool:
        """Whether its service has an input of that name."""
        return name in services()[self.service].inputs.model_fields

    @property
    def asks(self) -> bool:
        """Whether it waits for a person's answer."""
        declared = services().get(self.service)
        return declared is not None and declared.asks


@dataclass(frozen=True)
class Settings:
    """What a person may set of every pipeline, and what the deployment offers."""

    seed: int = 0
    params: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # node -> parameter -> value
    leave_out: frozenset[str] = frozenset()
    fresh: bool = False  # ignore the cache
    llm_model: str = ""  # model of the deployment's LLM server; "" for the packaged one


@dataclass(frozen=True)
class Output:
    """An output of a step that is in the graph."""

    node: str
    name: str

    def __str__(self) -> str:
        return f"${self.node}.{self.name}"


class Added:
    """A step that is in the graph; its outputs are attributes: ``speech.audio``."""

    def __init__(self, node_id: str) -> None:
        self._id = node_id

    def __getattr__(self, name: str) -> Output:
        if name.startswith("_"):
            raise AttributeError(name)
        return Output(self._id, name)


class PipelineGraph:
    """What ``build`` adds its steps to."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._nodes: list[Node] = []
        self._edges: list[Edge] = []
        self._before: dict[str, set[str]] = {}  # node -> every node that runs before it

    def add(self, step: Step, params: Mapping[str, Any] | None = None, **inputs: Any) -> Added:
        """Add a step, with the parameters that the pipeline sets and the inputs that have a value.

        An input is an output of another step, a reference, or a value. An edge leads here from each step whose output
        is taken, unless it runs before another one of them anyway.
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
        """Whether a person left it out."""
        return step.id in self.settings.leave_out

    def sets(self, step: Step) -> bool:
        """Whether a person set a parameter of it."""
        return step.id in self.settings.params

    def graph(self, name: str) -> Graph:
        """The graph of the pipeline of that name. Raises WorkbenchError (pipeline.bad_option): settings of no node."""
        ids = [node.id for node in self._nodes]
        for node_id in self.settings.params:
            if node_id not in ids:
                raise refusal(
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


def refusal(pipeline: str, where: str, message: str, allowed: object, remedy: str, seen: object) -> WorkbenchError:
    """An option that does not fit."""
    if isinstance(allowed, Iterable) and not isinstance(allowed, str):
        allowed = list(allowed)
    return WorkbenchError(
        "pipeline.bad_option", message, where=f"{pipeline}: {where}", seen=seen, allowed=allowed, remedy=remedy
    )


def _plain(value: Any) -> Any:
    """An input as a graph has it. A text that begins with a dollar sign is a text, and no output of a node."""
    if isinstance(value, Ref):
        return value.model_dump(mode="json")
    if isinstance(value, str) and value.startswith("$"):
        return f"${value}"
    return str(value) if isinstance(value, Output) else value
