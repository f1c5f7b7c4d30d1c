"""Finds results that exist before a node runs: cache hits, and results recorded in SQL."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from schemas.errors import ErrorInfo
from schemas.event import NodeFailure, NodeResult, NodeWait
from schemas.graph import Graph, Node
from schemas.job import JobRecord, NodeRecord
from schemas.refs import Ref, refs_in
from schemas.status import NodeStatus, WaitReason
from workbench.engine.binding import first_available, literal, references
from workbench.engine.content import content_key
from workbench.engine.structure import topological_order
from workbench.engine.validate import Checked

Lookup = Callable[[str], dict[str, Any] | None]  # content key -> output
Exist = Callable[[Iterable[Ref]], bool]  # artifacts -> whether the object store has all of them completely


def find_results(
    checked: Checked, *, seed: int, look: Lookup, are_there: Exist, use_cache: bool
) -> dict[str, NodeResult]:
    """Results of the nodes that need not run, by node id.

    A node has a result if it is completed in the graph, or if all its parents have results, their completion fires all
    incoming edges, and its content key is cached. In both cases its artifacts must exist.
    """
    graph = checked.graph
    parents = graph.parents()
    nodes = {node.id: node for node in graph.nodes}
    found: dict[str, NodeResult] = {}
    for node_id in checked.order:
        node, declaration = nodes[node_id], checked.declarations[node_id]
        if node.status is NodeStatus.COMPLETED and node.output is not None and are_there(refs_in(node.output)):
            found[node_id] = NodeResult(output=node.output, cached=True)
            continue
        settled = all(edge.from_ in found and edge.kind.fires(NodeStatus.COMPLETED) for edge in parents[node_id])
        if not (use_cache and declaration.cache and settled):
            continue
        values = available_values(node, found)
        if values is None:
            continue
        key = content_key(node, values, seed=seed if declaration.seeded else None)
        output = look(key)
        if output is not None and are_there(refs_in(output)):
            found[node_id] = NodeResult(output=output, cached=True, content_key=key)
    return found


def with_results(graph: Graph, results: dict[str, NodeResult]) -> Graph:
    """The graph with only those nodes completed, because artifacts of other completed nodes may be lost by now."""
    nodes = [
        node.model_copy(update={"status": NodeStatus.COMPLETED, "output": results[node.id].output})
        if node.id in results
        else node.model_copy(update={"status": NodeStatus.PENDING, "output": None})
        if node.status is NodeStatus.COMPLETED
        else node
        for node in graph.nodes
    ]
    return graph.model_copy(update={"nodes": nodes})


def recorded_results(record: JobRecord) -> dict[str, NodeResult]:
    """Results of a job according to the store, by node id."""
    return {
        node.id: _result(node)
        for node in record.nodes
        if node.status is NodeStatus.COMPLETED and node.output is not None
    }


def lost_results(record: JobRecord) -> dict[str, NodeResult]:
    """Last results of nodes that completed and run again because their bytes are lost, by node id."""
    return {node.id: _result(node) for node in record.nodes if node.output is not None and not node.status.final}


def recorded_questions(record: JobRecord) -> dict[str, bytes]:
    """The waits of nodes that wait for a person's decision according to the store, by node id."""
    waits = {
        node.id: NodeWait.model_validate(node.telemetry["waiting"])
        for node in record.graph.nodes
        if node.status is NodeStatus.WAITING and node.telemetry.get("waiting")
    }
    return {node: wait.to_json() for node, wait in waits.items() if wait.reason is WaitReason.APPROVAL}


def recorded_ends(record: JobRecord) -> list[tuple[str, str, bytes, str]]:
    """(node, final status, result or failure, content key) of the ended nodes according to the store, parents first."""
    by_id = {node.id: node for node in record.nodes}
    results = recorded_results(record)
    ends = []
    for node_id in topological_order(record.graph):
        node = by_id[node_id]
        if node_id in results:
            ends.append((node_id, node.status.value, results[node_id].to_json(), node.content_key))
        elif node.status is NodeStatus.FAILED:
            error = node.error or ErrorInfo(message="the node failed")
            failure = NodeFailure(
                error=error, worker=node.worker, attempt=node.attempt, finished_at=node.finished_at or 0
            )
            ends.append((node_id, node.status.value, failure.to_json(), ""))
        elif node.status is NodeStatus.SKIPPED:
            ends.append((node_id, node.status.value, b"{}", ""))
    return ends


def _result(node: NodeRecord) -> NodeResult:
    return NodeResult(
        output=node.output or {},
        seconds=node.seconds or 0.0,
        cpu_seconds=node.cpu_seconds or 0.0,
        peak_memory_bytes=node.peak_memory_bytes or 0,
        metrics=node.metrics,
        content_key=node.content_key,
        cached=node.cached,
        worker=node.worker,
        attempt=node.attempt,
        started_at=node.started_at or 0.0,
        finished_at=node.finished_at or 0.0,
    )


def available_values(node: Node, found: dict[str, NodeResult]) -> dict[str, Any] | None:
    """The node's inputs as its executor would resolve them; None if one is not available yet."""
    values: dict[str, Any] = {}
    for name, bound in node.input.items():
        named = references(bound)
        if not named:
            values[name] = literal(bound)
            continue
        if any(reference.node not in found for reference in named):
            return None
        first = first_available(named, {reference.node: found[reference.node].output for reference in named})
        if first is not None:
            values[name] = first
    return values
