"""How long something would take that nobody has submitted yet: by past runs that were set alike."""

from __future__ import annotations

from typing import Any

from nodes.registry import services
from schemas.api import EstimateAnswer, JobRequest
from schemas.graph import Graph, Node
from workbench.client.deployment import Deployment
from workbench.client.estimate import Estimate
from workbench.client.submit import asked_graph
from workbench.store.job_params import param_rows
from workbench.store.typical import typical_with

KNOWN_SHARE = 0.5  # of the work, by progress weights: with less of it known, a guess at the rest says nothing


def expected_of(deployment: Deployment, asked: JobRequest, *, reader: str | None) -> EstimateAnswer:
    """What a request would take along its longest path. Nothing is queued or kept, and nobody is asked but SQL.

    What a pipeline needs and was not given is assumed: a form asks before it is filled in.

    Raises WorkbenchError: pipeline.*, graph.*, artifact.unknown.

    Args:
        reader: whose uploads and artifacts may be named; None: everybody's.
    """
    return expected(deployment, asked_graph(deployment, asked, reader, assume=True))


def expected(deployment: Deployment, graph: Graph) -> EstimateAnswer:
    """What a graph would take if nothing of it were known. Raises WorkbenchError: sql.unreachable."""
    found = {
        node.id: typical_with(deployment.store.database, node.service, _set(node), _defaults(node))
        for node in graph.nodes
    }
    known = {node: typical for node, typical in found.items() if typical is not None}
    per_node = {node: typical.seconds for node, typical in known.items()}
    weights = graph.progress_weights()
    told = sum(weights[node] for node in per_node) >= KNOWN_SHARE
    seconds = Estimate.of_graph(graph, per_node).seconds_left() if told else None
    return EstimateAnswer(
        seconds=None if seconds is None else round(seconds, 1),
        per_node={node: round(value, 1) for node, value in per_node.items()},
        basis=len(frozenset().union(*(typical.jobs for typical in known.values()))),
    )


def _set(node: Node) -> dict[str, str]:
    return {row["param"]: row["text"] for row in param_rows("-", node)}


def _defaults(node: Node) -> dict[str, str]:
    declared = services().get(node.service)
    if declared is None:
        return {}
    values: dict[str, Any] = {
        name: field.get_default(call_default_factory=False) for name, field in declared.params.model_fields.items()
    }
    return _set(node.model_copy(update={"params": {name: value for name, value in values.items() if _plain(value)}}))


def _plain(value: Any) -> bool:
    return isinstance(value, bool | int | float | str)
