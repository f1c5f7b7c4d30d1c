"""Submits a job's graph again: from the beginning, or from the point where a job failed."""

from __future__ import annotations

from typing import Any

from schemas.consent import Consent
from schemas.errors import WorkbenchError
from schemas.graph import Graph, Node, Retries
from schemas.refs import refs_in
from schemas.status import JobStatus, NodeStatus
from workbench.client import review
from workbench.client.consent import EntryPoint
from workbench.client.deployment import Deployment
from workbench.client.files import with_stored_refs
from workbench.client.submit import below_run, own_key, submit_graph
from workbench.engine.accept import Accepted, Request
from workbench.engine.structure import topological_order
from workbench.retention import healing
from workbench.store.dead_letters import DeadLetters

IMPORTED = "imported"  # in a graph's metadata: schemas.bundle.ImportNote


def rerun(
    deployment: Deployment,
    job_id: str,
    *,
    params: dict[str, dict[str, Any]] | None = None,
    fresh: bool = False,
    owner: str | None = None,
    reader: str | None = None,
    key: str | None = None,
    parent_run: str | None = None,
    consent: Consent | None = None,
    entry: EntryPoint = EntryPoint.PYTHON,
) -> Accepted:
    """Submit a job's graph again, optionally with other parameters. Cached results are not computed again.

    Approvals are requested again.

    Args:
        owner: owner of the new job; default: the owner of the old job.
        reader: the owner whose uploads and artifacts the parameters may use; None for all owners.
        key: idempotency key; a repeated call returns the same job.
        parent_run: MLflow run that becomes the parent of the new job's run, instead of the parent of the old job's run.
        consent: for files without a recorded consent.
        entry: the front end, for the remedy of a refusal.
    """
    record = deployment.job(job_id)
    healing.check_job_artifacts(deployment, record)
    graph = unrun(record.graph, params or {})
    known = {ref.sha256 for node in record.graph.nodes for ref in refs_in([node.params, node.input])}
    if is_imported(record.graph):  # a bundle may name files whose bytes it did not hold, and which others own
        known, reader = set[str](), owner or record.owner
        graph = without_import(graph)
    graph = with_stored_refs(deployment, graph, owner=reader, known=known)
    graph.context.pop("cache", None)
    graph = below_run(graph, parent_run)
    if fresh:
        graph.context["cache"] = False
    return submit_graph(
        deployment,
        Request(
            graph,
            key=own_key(owner or record.owner, key),
            pipeline=record.pipeline,
            experiment=record.experiment,
            owner=owner or record.owner,
            parent=record.id,
        ),
        consent,
        entry=entry,
        repeats=record,
    )


def retry(
    deployment: Deployment,
    job_id: str,
    *,
    owner: str | None = None,
    key: str | None = None,
    parent_run: str | None = None,
    consent: Consent | None = None,
    entry: EntryPoint = EntryPoint.PYTHON,
) -> Accepted:
    """Continue a failed or cancelled job as a new job, and remove its dead letters.

    Completed nodes whose ancestors all completed keep their results, even if their service is never cached, and so do
    approvals. A final job stays final: the new job names it as its parent. Raises WorkbenchError (job.not_final,
    job.nothing_to_retry, consent.*).
    """
    record = deployment.job(job_id)
    if is_imported(record.graph):  # results of another deployment must not pass for results of this one
        raise WorkbenchError(
            "bundle.read_only",
            f"job {job_id} was imported from a bundle",
            where=job_id,
            remedy=f"Run it again from the start: `workbench job rerun {job_id}`.",
        )
    if not record.status.final or record.status is JobStatus.COMPLETED:
        running = not record.status.final
        raise WorkbenchError(
            "job.not_final" if running else "job.nothing_to_retry",
            f"job {job_id} is not finished" if running else f"job {job_id} completed",
            where=job_id,
            seen=record.status.value,
            allowed="failed or cancelled",
            remedy="Wait for its end, or cancel it." if running else "`workbench job rerun` runs it again.",
        )
    healing.check_job_artifacts(deployment, record)
    accepted = submit_graph(
        deployment,
        Request(
            below_run(resumed(record.graph), parent_run),
            key=own_key(owner or record.owner, key),
            pipeline=record.pipeline,
            experiment=record.experiment,
            owner=owner or record.owner,
            parent=record.id,
            sweep=record.sweep,
            lane=record.lane,
        ),
        consent,
        entry=entry,
        repeats=record,
    )
    review.carry_over(deployment, record, accepted.job)
    DeadLetters(deployment.store.database).remove(job_id)
    return accepted


def is_imported(graph: Graph) -> bool:
    """Whether the job came from a bundle."""
    return IMPORTED in graph.metadata


def without_import(graph: Graph) -> Graph:
    """The graph of a job that this deployment runs itself."""
    return graph.model_copy(update={"metadata": {k: v for k, v in graph.metadata.items() if k != IMPORTED}})


def resumed(graph: Graph) -> Graph:
    """The graph to continue: completed nodes whose ancestors all completed stay; the others become pending."""
    parents = graph.parents()
    kept: set[str] = set()
    for node_id in topological_order(graph):
        done = graph.node(node_id).status is NodeStatus.COMPLETED
        if done and all(edge.from_ in kept for edge in parents[node_id]):
            kept.add(node_id)
    nodes = [node if node.id in kept else _pending(node) for node in graph.nodes]
    return graph.model_copy(update={"nodes": nodes})


def unrun(graph: Graph, params: dict[str, dict[str, Any]]) -> Graph:
    """The graph before it ran, with some parameters replaced. Raises WorkbenchError if it does not have a node."""
    known = {node.id for node in graph.nodes}
    for node_id in params:
        if node_id not in known:
            raise WorkbenchError(
                "pipeline.bad_option",
                f"the graph has no node {node_id}",
                where=f"set {node_id}.…",
                seen=node_id,
                allowed=sorted(known),
                remedy="Name one of its nodes.",
            )
    nodes = [_pending(node, version=None, params={**node.params, **params.get(node.id, {})}) for node in graph.nodes]
    metadata = dict(graph.metadata)
    asked = metadata.get("asked")
    if params and isinstance(asked, dict) and isinstance(asked.get("params"), dict):  # the next prefill starts here
        before = asked["params"]
        merged = {**before, **{node: {**before.get(node, {}), **changed} for node, changed in params.items()}}
        metadata["asked"] = {**asked, "params": merged}
    return graph.model_copy(update={"nodes": nodes, "context": dict(graph.context), "metadata": metadata})


def _pending(node: Node, **changes: Any) -> Node:
    """The node before its first attempt."""
    fresh: dict[str, Any] = {"status": NodeStatus.PENDING, "output": None, "error": None, "telemetry": {}}
    retries = Retries(max_attempts=node.retries.max_attempts)
    return node.model_copy(update={**fresh, "retries": retries, **changes})
