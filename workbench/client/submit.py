"""Submitting a job: the one way from every front end to ``engine.accept``.

Defaults, idempotency keys, consent and what a form is filled from later are decided here, so that a job is the same job
whichever front end it came through.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from schemas.api import Consent, JobRequest
from schemas.graph import Graph
from schemas.problem import invalid
from schemas.refs import Ref
from workbench.client.access import LOCAL
from workbench.client.deployment import Deployment
from workbench.client.files import check_refs, file_given
from workbench.client.options import read_options
from workbench.engine.accept import Accepted, Request, accept
from workbench.engine.parse import parse_graph
from workbench.pipelines.registry import find_pipeline
from workbench.pipelines.sdk import Settings
from workbench.pipelines.sdk.building import build, check_given, stand_ins
from workbench.store.run_contents import PARENT_RUN


def job_request(**fields: Any) -> JobRequest:
    """What is asked for, as its model. Raises WorkbenchError (request.invalid) naming the field."""
    try:
        return JobRequest.model_validate(fields)
    except ValidationError as error:
        raise invalid(error, "request.invalid") from None


def submit(
    deployment: Deployment,
    asked: JobRequest,
    *,
    owner: str = LOCAL.name,
    reader: str | None = None,
    key: str | None = None,
    parent_run: str | None = None,
) -> Accepted:
    """Submit a pipeline with its inputs, or a graph. Raises WorkbenchError; then nothing was queued.

    Args:
        asked: where the front end runs on this machine, a file among its options may be a ``Path`` or a reference.
        owner: of the job; keys of different owners are different keys.
        reader: whose uploads and artifacts may be named; None: everybody's.
        key: idempotency key: what is submitted again with it is the same job.
        parent_run: MLflow run that the job's is put below.
    """
    graph = asked_graph(deployment, asked, reader)
    return submit_graph(
        deployment,
        Request(
            below_run(with_consent(graph, asked.consent, owner), parent_run),
            key=own_key(owner, key),
            pipeline=asked.pipeline or "",
            experiment=asked.experiment,
            owner=owner,
            lane=asked.lane,
        ),
    )


def submit_graph(deployment: Deployment, request: Request) -> Accepted:
    """Accept a job. Raises WorkbenchError; then nothing was queued."""
    opened: dict[str, Path] = {}

    def open_ref(ref: Ref) -> Path:
        """Workers elsewhere need it too: what only the cache of this home has is put back."""
        if ref.sha256 not in opened:
            path = deployment.open(ref)
            if deployment.objects.missing([ref]):
                deployment.objects.put(path, ref)
            opened[ref.sha256] = path
        return opened[ref.sha256]

    return accept(
        request,
        bus=deployment.bus,
        store=deployment.store,
        objects=deployment.objects,
        open_ref=open_ref,
        outlook=deployment.outlook,
    )


def asked_graph(deployment: Deployment, asked: JobRequest, reader: str | None, *, assume: bool = False) -> Graph:
    """The graph of what is asked for. What a pipeline was given is kept in its metadata, for "again with changes".

    Args:
        reader: whose uploads and artifacts may be named; None: everybody's.
        assume: take stand-ins for what must be given and is not, for a graph that is never run.

    Raises WorkbenchError: graph.*, pipeline.*, request.invalid, artifact.unknown, and what an upload raises.
    """
    if asked.graph is not None:
        graph = parse_graph(asked.graph)
        check_refs(deployment, graph, owner=reader)
        return graph
    assert asked.pipeline is not None  # JobRequest has one of both
    pipeline = find_pipeline(asked.pipeline)
    options, files = read_options(pipeline, asked.options)
    given: dict[str, Any] = {name: getattr(options, name) for name in pipeline.inputs} | files
    if not assume:
        check_given(pipeline, given)  # before anything is uploaded
    refs = {
        name: file_given(deployment, value, pipeline.inputs[name], reader=reader)
        for name, value in given.items()
        if pipeline.inputs[name].kind.is_file and value is not None
    }
    assumed = stand_ins(pipeline, pipeline.told(given)) if assume else {}
    graph = build(
        pipeline,
        {**given, **refs, **assumed},
        Settings(
            seed=options.seed,
            params=asked.params,
            leave_out=frozenset(options.leave_out),
            fresh=options.fresh,
            llm_model=deployment.settings.llm_model if deployment.settings.llm_url else "",
        ),
    )
    known = {one.sha256 for one in (*refs.values(), *assumed.values()) if isinstance(one, Ref)}
    check_refs(deployment, graph, owner=reader, known=known)
    digests = {name: ref.sha256 for name, ref in refs.items()}
    graph.metadata["asked"] = {
        "pipeline": pipeline.name,
        "options": options.model_copy(update=digests).model_dump(mode="json", by_alias=True, exclude_defaults=True),
        "params": asked.params,
    }
    return graph


def asked_for(graph: Graph) -> dict[str, Any] | None:
    """What the graph's pipeline was given: ``{pipeline, options, params}``; None for a graph of one's own."""
    asked = graph.metadata.get("asked")
    return asked if isinstance(asked, dict) else None


def own_key(owner: str, key: str | None) -> str | None:
    """An idempotency key as it is kept: those of different owners are different."""
    return f"{owner}/{key}" if key else None


def below_run(graph: Graph, run: str | None) -> Graph:
    """The graph with the MLflow run that its job's is put below, and no other: not part of what is computed."""
    kept = {name: value for name, value in graph.metadata.items() if name != PARENT_RUN}
    return graph.model_copy(update={"metadata": {**kept, PARENT_RUN: run} if run else kept})


def with_consent(graph: Graph, consent: Consent | None, by: str) -> Graph:
    """The graph with the consent that was given recorded in it, and no other: not part of what is computed."""
    graph.metadata.pop("consent", None)
    if consent is not None:
        graph.metadata["consent"] = {**consent.model_dump(mode="json"), "by": by, "at": round(time.time(), 3)}
    return graph
