"""Accepts a job: validates the whole graph, writes it to SQL, puts it on the bus, and only then returns."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import structlog

from nodes.registry import services
from schemas.errors import WorkbenchError
from schemas.event import EventType, NodeResult
from schemas.graph import Graph
from schemas.job import JobRecord, NewJob
from schemas.refs import Ref, refs_in
from schemas.status import Lane
from schemas.stream import Stream
from schemas.warning import JobWarning
from workbench.bus.bus import Bus
from workbench.bus.connection import BUS_UNREACHABLE, unreachable
from workbench.bus.job_plan import JobPlan
from workbench.bus.results import Verdict
from workbench.engine.content import graph_hash
from workbench.engine.cut import pool_name
from workbench.engine.existing_results import (
    find_results,
    lost_results,
    recorded_questions,
    recorded_results,
    with_results,
)
from workbench.engine.parse import parse_graph
from workbench.engine.pinning import pinned, pinned_models
from workbench.engine.plan import plan
from workbench.engine.provided_services import MODEL, DeploymentSnapshot, ProvidedService, needed
from workbench.engine.service_mismatch import describe_missing, describe_unloaded
from workbench.engine.streaming import described, find_streams
from workbench.engine.structure import topological_order
from workbench.engine.submit_environment import with_environment
from workbench.engine.validate import Checked, run_checks, validate
from workbench.store.artifact_references import ArtifactReferences
from workbench.store.collection_rounds import CollectionRounds, RoundChanged
from workbench.store.jobs import JobStore
from workbench.store.objects import Objects

WARNINGS, STREAMS = "warnings", "streams"  # in a graph's metadata: what its submit found

log = structlog.get_logger()


@dataclass(frozen=True)
class Accepted:
    """The result of a submit."""

    job: str
    created: bool  # False if the idempotency key was already used for the same graph
    known: int  # number of nodes that need not run
    unserved: tuple[str, ...] = ()  # services that no worker provides; the job waits until one does
    warnings: tuple[JobWarning, ...] = ()  # what to expect, from the intake and from the checks of the services
    streams: tuple[Stream, ...] = ()  # where a node starts with the first part of another


@dataclass(frozen=True)
class Request:
    """A graph, and how its job is recorded."""

    document: bytes | str | dict[str, Any] | Graph
    key: str | None = None
    pipeline: str = ""
    experiment: str = "workbench"
    owner: str = "local"
    parent: str | None = None
    sweep: str | None = None
    lane: Lane = Lane.INTERACTIVE
    warnings: tuple[JobWarning, ...] = ()  # of the intake; the checks add theirs


def accept(
    request: Request,
    *,
    bus: Bus,
    store: JobStore,
    objects: Objects,
    open_ref: Callable[[Ref], Path],
    snapshot: DeploymentSnapshot,
) -> Accepted:
    """Accept a job, or refuse it with nothing queued.

    Args:
        open_ref: returns a local copy of an artifact, for the checks of inputs.
        snapshot: the bus's epoch and the provided services, to report missing services at once.

    Raises WorkbenchError: a graph.* code, node.bad_input from a check, job.key_reused, bus.unreachable, …
    """
    try:
        snapshot.refresh()
    except BUS_UNREACHABLE as error:
        raise unreachable(bus.url, error) from error
    document = request.document
    graph = document if isinstance(document, Graph) else parse_graph(document)
    checked = validate(
        graph,
        services(),
        lambda declaration: pinned(declaration, snapshot),
        lambda declaration, params: pinned_models(declaration, params, snapshot),
    )
    seed = _seed(checked.graph)
    while True:
        seen = CollectionRounds(store.database).wait_until_closed()
        _check_given(checked.graph, store, objects)
        warnings = (*request.warnings, *run_checks(checked, open_ref))
        results = _existing_results(checked, seed, store, objects)
        streams = described(find_streams(checked.graph, checked.declarations), results)
        job = NewJob(
            id=new_job_id(),
            graph=with_environment(
                _with_findings(with_results(checked.graph, results), warnings, streams), snapshot.workers
            ),
            graph_hash=graph_hash(checked.graph),
            idempotency_key=request.key,
            owner=request.owner,
            pipeline=request.pipeline,
            experiment=request.experiment,
            seed=seed,
            parent=request.parent,
            sweep=request.sweep,
            lane=request.lane,
            created_at=time.time(),
        )
        try:
            job_id, created = store.create(job, seen)
            break
        except RoundChanged:  # bytes were removed meanwhile, perhaps some that this job uses
            continue
    if created:
        origin = _provenance(checked, seed, job.graph_hash)
        planned = plan(job_id, checked, seed=seed, results=results, provenance=origin, lane=request.lane)
        _put_on_bus(bus, planned, snapshot)
    unserved = _unserved(checked, results, snapshot) if created else ()
    return Accepted(job_id, created, len(results), unserved, warnings, streams)


def _with_findings(graph: Graph, warnings: tuple[JobWarning, ...], streams: tuple[Stream, ...]) -> Graph:
    """The graph with what this submit found in its metadata, where every view of the job finds it."""
    kept = {name: value for name, value in graph.metadata.items() if name not in (WARNINGS, STREAMS)}
    found = {WARNINGS: warnings, STREAMS: streams}
    given = {
        name: [one.model_dump(mode="json", by_alias=True) for one in listed] for name, listed in found.items() if listed
    }
    return graph.model_copy(update={"metadata": kept | given})


def warnings_of(graph: Graph) -> list[JobWarning]:
    """The warnings of the submit that accepted this graph."""
    return [JobWarning.model_validate(one) for one in graph.metadata.get(WARNINGS, ())]


def streams_of(graph: Graph) -> list[Stream]:
    """Where nodes of this graph take outputs in parts, as its submit found."""
    return [Stream.model_validate(one) for one in graph.metadata.get(STREAMS, ())]


def _existing_results(checked: Checked, seed: int, store: JobStore, objects: Objects) -> dict[str, NodeResult]:
    """Results of the nodes that need not run, with the metrics that their computations recorded."""

    def look(key: str) -> dict[str, Any] | None:
        return store.computed([key]).get(key)

    use_cache = bool(checked.graph.context.get("cache", True))
    results = find_results(checked, seed=seed, look=look, are_there=objects.has_all, use_cache=use_cache)
    measured = store.measured(result.content_key for result in results.values())
    return {
        node: result.model_copy(update={"metrics": measured.get(result.content_key, {})})
        for node, result in results.items()
    }


def _check_given(graph: Graph, store: JobStore, objects: Objects) -> None:
    """Check that the graph's input files are in the store. Files of a job or an upload are not checked.

    Raises WorkbenchError (store.missing) with the node.
    """
    given = {ref.sha256: (node.id, ref) for node in graph.nodes for ref in refs_in([node.params, node.input])}
    unchecked = given.keys() - ArtifactReferences(store.database).referenced(given) if given else set()
    for ref in objects.missing(given[sha256][1] for sha256 in sorted(unchecked)):
        node = given[ref.sha256][0]
        raise WorkbenchError(
            "store.missing",
            f"an input file of node {node} is not in the object store",
            where=f"node {node}",
            seen=ref.sha256,
            remedy="Upload the file again, then submit again.",
        )


def put_back(record: JobRecord, *, bus: Bus, epoch: int) -> Verdict:
    """Restore a job on the bus, with its state in SQL. Idempotent."""
    declared = services()
    unknown = [node.service for node in record.graph.nodes if node.service not in declared]
    if unknown:
        raise WorkbenchError(
            "graph.unknown_service",
            f"job {record.id} needs services that are no longer installed here",
            where=f"job {record.id}",
            seen=unknown,
            remedy="Install the package with these services, or cancel the job.",
        )
    checked = Checked(
        record.graph, topological_order(record.graph), {node.id: declared[node.service] for node in record.graph.nodes}
    )
    # Lost results are restored as they were: a node that still needs one will find it lost again.
    lost = lost_results(record)
    planned = plan(
        record.id,
        checked,
        seed=record.seed,
        results=recorded_results(record) | lost,
        provenance=_provenance(checked, record.seed, record.graph_hash),
        lane=record.lane,
        announce=False,
        asked=recorded_questions(record),
    )
    planned.events += [(EventType.NODE_COMPLETED, node, result.to_json()) for node, result in lost.items()]
    return bus.accept(planned, epoch)


def new_job_id() -> str:
    """An id that sorts by time and is short enough to type: 20261122-131502-7f3a9c."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(3)}"


def _provenance(checked: Checked, seed: int, hash_: str) -> dict[str, str]:
    """What the outputs of the job record about their origin."""
    return {
        "workflow": checked.graph.workflow_id,
        "graph": hash_,
        "seed": str(seed),
        "workbench": _version(),
        "nodes": ", ".join(sorted({f"{node.service} {node.version}" for node in checked.graph.nodes})),
    }


@cache
def _version() -> str:
    return metadata.version("talking-head-workbench")  # reads a file: a millisecond


def _put_on_bus(bus: Bus, planned: JobPlan, snapshot: DeploymentSnapshot) -> None:
    """Put the job on the bus. It is in SQL, so if this fails, the reconciler puts it on the bus later."""
    try:
        for _ in range(3):
            if bus.accept(planned, snapshot.epoch) is not Verdict.WAIT:
                return
            snapshot.refresh()
    except BUS_UNREACHABLE as error:
        log.warning("accepted; the control plane will enqueue it", job=planned.job, error=str(error))


def _unserved(checked: Checked, results: dict[str, NodeResult], snapshot: DeploymentSnapshot) -> tuple[str, ...]:
    """Services that no worker provides now, as "service version", with the differences of the nearest worker."""
    missing = []
    for node in checked.graph.nodes:
        declaration = checked.declarations[node.id]
        there = snapshot.services.get(pool_name(declaration.plane, declaration.pool), [])
        if node.id in results:
            continue
        for key in sorted(needed(node).difference(item.key for item in there)):
            text = describe_missing(key, there)
            known = any(isinstance(item, ProvidedService) and item.service.service == node.service for item in there)
            why = "" if known or key.startswith(MODEL) else describe_unloaded(declaration, snapshot.workers)
            missing.append(f"{text} ({why})" if why else text)
    return tuple(dict.fromkeys(missing))


def _seed(graph: Graph) -> int:
    seed = graph.context.get("seed", 0)
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**63:
        raise WorkbenchError(
            "graph.schema",
            "the seed is not valid",
            where="context.seed",
            seen=seed,
            allowed="an integer, 0 to 2^63 - 1",
            remedy="Correct it, or omit it for 0.",
        )
    return seed
