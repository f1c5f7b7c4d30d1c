"""Estimates how long a job would take before it is submitted, from past runs and the length of what is said."""

from __future__ import annotations

from collections.abc import Sequence

from nodes.registry import services
from schemas.api import EstimateAnswer, JobRequest
from schemas.graph import Graph
from schemas.job import JobRecord
from schemas.stream import Stream
from workbench.client.deployment import Deployment
from workbench.client.estimate import Estimate
from workbench.client.expectation import Expectation
from workbench.client.submit import requested_graph
from workbench.engine.accept import streams_of
from workbench.engine.streaming import described, find_streams
from workbench.engine.validate import bound

KNOWN_SHARE = 0.5  # of the work, by progress weights; with less, an estimate of the rest would be meaningless


def forecast_request(deployment: Deployment, asked: JobRequest, *, reader: str | None) -> EstimateAnswer:
    """Expected seconds of a request along its longest path. Nothing is queued or stored; only SQL is queried.

    Missing required inputs are assumed, because a form asks before it is complete.

    Raises WorkbenchError: pipeline.*, graph.*, artifact.unknown.

    Args:
        reader: the owner whose uploads and artifacts may be used; None for all owners.
    """
    graph = requested_graph(deployment, asked, reader, assume=True)[0]
    return forecast_graph(deployment, graph)


def forecast_graph(deployment: Deployment, graph: Graph) -> EstimateAnswer:
    """Expected seconds of a graph without cache hits. Raises WorkbenchError: graph.*, sql.unreachable."""
    return _forecast(deployment, graph, described(find_streams(*bound(graph, services())), final=()))


def forecast_job(deployment: Deployment, job: JobRecord) -> EstimateAnswer:
    """Expected seconds of a new run of a job without cache hits. Raises WorkbenchError: sql.unreachable."""
    return _forecast(deployment, job.graph, streams_of(job.graph))


def _forecast(deployment: Deployment, graph: Graph, streams: Sequence[Stream]) -> EstimateAnswer:
    expectation = Expectation.of(deployment.store.database, graph)
    per_node = expectation.seconds
    weights = graph.progress_weights()
    enough = sum(weights[node] for node in per_node) >= KNOWN_SHARE
    seconds = Estimate.by_node(graph, per_node).seconds_left() if enough else None
    return EstimateAnswer(
        seconds=_rounded(seconds),
        per_node={node: round(value, 1) for node, value in per_node.items()},
        basis=len(expectation.jobs),
        length_s=_rounded(expectation.length_s),
        longest_s=_rounded(expectation.longest_s),
        streams=list(streams),
    )


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)
