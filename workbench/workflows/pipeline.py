"""What a pipeline is, and what all of them share: settings by node, nodes left out, the seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from schemas.errors import WorkbenchError
from schemas.graph import SCHEMA, Edge, Graph, Node
from schemas.refs import ImageRef


@dataclass(frozen=True)
class Options:
    """What a person gives a pipeline."""

    portrait: ImageRef | None = None
    prompt: str = ""
    script: str = ""
    seed: int = 0
    params: dict[str, dict[str, Any]] = field(default_factory=dict)  # node -> parameter -> value
    leave_out: frozenset[str] = frozenset()
    fresh: bool = False  # compute everything anew, whatever is known


@dataclass(frozen=True)
class Pipeline:
    """A named way to build a graph.

    Attributes:
        takes: the options it uses; others are refused rather than ignored.
        optional: ids of nodes that can be left out.
        result: (node, output) that is the video of the job, or None.
    """

    name: str
    doc: str
    takes: frozenset[str]
    optional: frozenset[str]
    make: Callable[[Options], tuple[list[Node], list[Edge]]]
    result: tuple[str, str] | None = None


def build(pipeline: Pipeline, options: Options) -> Graph:
    """The pipeline's graph. Raises WorkbenchError (pipeline.bad_option) naming the option."""
    given = {name for name in ("portrait", "prompt", "script") if getattr(options, name)}
    for name in sorted(given - pipeline.takes):
        raise _refuse(
            pipeline,
            name,
            f"{pipeline.name} does not use {name}",
            sorted(pipeline.takes) or "no text and no portrait",
            f"Leave --{name} out.",
            seen=getattr(options, name),
        )
    for name in sorted(options.leave_out - pipeline.optional):
        raise _refuse(
            pipeline,
            "without",
            f"{name} cannot be left out of {pipeline.name}",
            sorted(pipeline.optional) or "nothing",
            "Leave out one of the optional nodes, or submit a graph of your own.",
            seen=name,
        )
    nodes, edges = pipeline.make(options)
    known = {node.id: node for node in nodes}
    for node_id, params in options.params.items():
        if node_id not in known:
            near = get_close_matches(node_id, known, n=3)
            raise _refuse(
                pipeline,
                f"set {node_id}.…",
                f"{pipeline.name} has no node {node_id}",
                near or sorted(known),
                "`workbench pipelines` shows the nodes.",
                seen=node_id,
            )
        known[node_id].params.update(params)
    context: dict[str, Any] = {"seed": options.seed}
    if options.fresh:
        context["cache"] = False
    return Graph(schema_=SCHEMA, workflow_id=pipeline.name, context=context, nodes=nodes, edges=edges)


def edge(from_: str, to: str) -> Edge:
    return Edge(from_=from_, to=to)


def _refuse(
    pipeline: Pipeline, where: str, message: str, allowed: object, remedy: str, seen: object = None
) -> WorkbenchError:
    return WorkbenchError(
        "pipeline.bad_option", message, where=f"{pipeline.name}: {where}", seen=seen, allowed=allowed, remedy=remedy
    )
