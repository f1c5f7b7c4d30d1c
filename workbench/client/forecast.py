"""Estimates how long a job would take before it is submitted, from past runs with the same parameters."""

from __future__ import annotations

from typing import Any

from nodes.registry import services
from schemas.api import EstimateAnswer, JobRequest
from schemas.graph import Graph, Node
from workbench.client.deployment import Deployment
from workbench.client.estimate import Estimate
from workbench.client.submit import requested_graph
from workbench.store.job_params import param_rows
from workbench.store.typical import typical_with

KNOWN_SHARE = 0.5  # of the work, by progress weights; with less, an estimate of the rest would be meaningless


def forecast_request(deployment: Deployment, asked: JobRequest, *, reader: str | None) -> EstimateAnswer:
    """Expected seconds of a request along its longest path. Nothing is queued or stored; only SQL is queried.

    Missing required inputs are assumed, because a form asks before it is complete.

    Raises WorkbenchError: pipeline.*, graph.*, artifact.unknown.

    Args:
        reader: the owner whose uploads and artifacts may be used; None for all owners.
    """
    return forecast_graph(deployment, requested_graph(deployment, asked, reader, assume=True)[0])


def forecast_graph(deployment: Deployment, graph: Graph) -> EstimateAnswer:
    """Expected seconds of a graph without cache hits. Raises WorkbenchError: sql.unreachable."""
    found = {
        node.id: typical_with(deployment.store.database, node.service, _param_texts(node), _defaults(node))
        for node in graph.nodes
    }
    known = {node: typical for node, typical in found.items() if typical is not None}
    per_node = {node: typical.seconds for node, typical in known.items()}
    weights = graph.progress_weights()
    enough = sum(weights[node] for node in per_node) >= KNOWN_SHARE
    seconds = Estimate.by_node(graph, per_node).seconds_left() if enough else None
    return EstimateAnswer(
        seconds=None if seconds is None else round(seconds, 1),
        per_node={node: round(value, 1) for node, value in per_node.items()},
        basis=len(frozenset().union(*(typical.jobs for typical in known.values()))),
    )


def _param_texts(node: Node) -> dict[str, str]:
    return {row["param"]: row["text"] for row in param_rows("-", node)}


def _defaults(node: Node) -> dict[str, str]:
    declared = services().get(node.service)
    if declared is None:
        return {}
    values: dict[str, Any] = {
        name: field.get_default(call_default_factory=False) for name, field in declared.params.model_fields.items()
    }
    return _param_texts(
        node.model_copy(update={"params": {name: value for name, value in values.items() if _plain(value)}})
    )


def _plain(value: Any) -> bool:
    return isinstance(value, bool | int | float | str)
