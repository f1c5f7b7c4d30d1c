"""Submits a job: all front ends call ``engine.accept`` through this module.

It applies defaults, idempotency keys and consent, and records the inputs for prefilled forms, so that a job is the
same from every front end.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from schemas.api import JobRequest
from schemas.consent import Consent
from schemas.graph import Graph
from schemas.job import JobRecord
from schemas.problem import invalid
from schemas.refs import Ref
from schemas.warning import JobWarning
from workbench.client.access import LOCAL
from workbench.client.consent import CONSENT, EntryPoint, check_files, with_consent
from workbench.client.deployment import Deployment
from workbench.client.files import file_given, with_stored_refs
from workbench.client.options import read_options
from workbench.client.quotas import check_quotas
from workbench.engine.accept import Accepted, Request, accept
from workbench.engine.parse import parse_graph
from workbench.pipelines.registry import find_pipeline
from workbench.pipelines.sdk import Settings
from workbench.pipelines.sdk.building import build, check_given, placeholders
from workbench.store.run_contents import PARENT_RUN


def job_request(**fields: Any) -> JobRequest:
    """The fields as a validated request. Raises WorkbenchError (request.invalid) with the field."""
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
    entry: EntryPoint = EntryPoint.PYTHON,
) -> Accepted:
    """Submit a pipeline with its inputs, or a graph. If it raises WorkbenchError, nothing was queued.

    Args:
        asked: from a front end on this machine, a file option may also be a ``Path`` or a reference.
        owner: owner of the job. Each owner has separate idempotency keys.
        reader: the owner whose uploads and artifacts may be used; None for all owners.
        key: idempotency key; a repeated submit with it returns the same job.
        parent_run: MLflow run that becomes the parent of the job's run.
        entry: the front end, for the remedy of a refusal.
    """
    check_files(deployment, _files_here(asked), asked.consent, owner=owner, entry=entry)  # before they are uploaded
    graph, warnings = requested_graph(deployment, asked, reader)
    return submit_graph(
        deployment,
        Request(
            below_run(_without_consent(graph), parent_run),
            key=own_key(owner, key),
            pipeline=asked.pipeline or "",
            experiment=asked.experiment,
            owner=owner,
            lane=asked.lane,
            warnings=tuple(warnings),
        ),
        asked.consent,
        entry=entry,
    )


def submit_graph(
    deployment: Deployment,
    request: Request,
    consent: Consent | None = None,
    *,
    entry: EntryPoint = EntryPoint.PYTHON,
    repeats: JobRecord | None = None,
) -> Accepted:
    """Accept a job. If it raises WorkbenchError, nothing was queued.

    Args:
        consent: of the people in its files; None if it is recorded, or if there are no such files.
        entry: the front end, for the remedy of a refusal.
        repeats: the job that this one repeats or continues.
    """
    check_quotas(deployment, request.owner)
    document = request.document
    graph = document if isinstance(document, Graph) else parse_graph(document)
    graph = with_consent(deployment, graph, consent, owner=request.owner, entry=entry, repeats=repeats)
    opened: dict[str, Path] = {}

    def open_ref(ref: Ref) -> Path:
        """Open an artifact, and restore it in the store if only this home's cache has it, because workers need it."""
        if ref.sha256 not in opened:
            path = deployment.open(ref)
            if deployment.objects.missing([ref]):
                deployment.objects.put(path, ref)
            opened[ref.sha256] = path
        return opened[ref.sha256]

    return accept(
        replace(request, document=graph),
        bus=deployment.bus,
        store=deployment.store,
        objects=deployment.objects,
        open_ref=open_ref,
        snapshot=deployment.snapshot,
    )


def requested_graph(
    deployment: Deployment, asked: JobRequest, reader: str | None, *, assume: bool = False
) -> tuple[Graph, list[JobWarning]]:
    """The graph of a request, and the warnings about files that are uploaded with it.

    A pipeline's inputs are recorded in the graph's metadata, for "again with changes".

    Args:
        reader: the owner whose uploads and artifacts may be used; None for all owners.
        assume: use placeholders for missing required inputs, for a graph that is never run.

    Raises WorkbenchError: graph.*, pipeline.*, request.invalid, artifact.unknown, and the errors of an upload.
    """
    if asked.graph is not None:
        return with_stored_refs(deployment, parse_graph(asked.graph), owner=reader), []
    assert asked.pipeline is not None  # JobRequest has exactly one of them
    pipeline = find_pipeline(asked.pipeline)
    options, files = read_options(pipeline, asked.options)
    given: dict[str, Any] = {name: getattr(options, name) for name in pipeline.inputs} | files
    if not assume:
        check_given(pipeline, given)  # before anything is uploaded
    taken = {
        name: file_given(deployment, value, pipeline.inputs[name], reader=reader)
        for name, value in given.items()
        if pipeline.inputs[name].kind.is_file and value is not None
    }
    refs = {name: ref for name, (ref, _) in taken.items()}
    assumed = placeholders(pipeline, pipeline.given_names(given)) if assume else {}
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
    graph = with_stored_refs(deployment, graph, owner=reader, known=known)
    digests = {name: ref.sha256 for name, ref in refs.items()}
    graph.metadata["asked"] = {
        "pipeline": pipeline.name,
        "options": options.model_copy(update=digests).model_dump(mode="json", by_alias=True, exclude_defaults=True),
        "params": asked.params,
    }
    return graph, [warning for _, found in taken.values() for warning in found]


def _files_here(asked: JobRequest) -> dict[str, tuple[Path, str]]:
    """The files of this machine that a request for a pipeline names, with the kind of their inputs."""
    paths = {name: value for name, value in asked.options.items() if isinstance(value, Path)}
    if not paths or asked.pipeline is None:
        return {}
    inputs = find_pipeline(asked.pipeline).inputs
    return {name: (path.expanduser(), inputs[name].upload_kind) for name, path in paths.items() if name in inputs}


def _without_consent(graph: Graph) -> Graph:
    """The graph without a consent in its metadata: only the consent of the submit counts."""
    return graph.model_copy(update={"metadata": {name: it for name, it in graph.metadata.items() if name != CONSENT}})


def pipeline_request(graph: Graph) -> dict[str, Any] | None:
    """The inputs of the graph's pipeline: ``{pipeline, options, params}``; None if the graph was submitted directly."""
    asked = graph.metadata.get("asked")
    return asked if isinstance(asked, dict) else None


def own_key(owner: str, key: str | None) -> str | None:
    """An idempotency key as it is stored: prefixed with its owner."""
    return f"{owner}/{key}" if key else None


def below_run(graph: Graph, run: str | None) -> Graph:
    """The graph with the parent MLflow run, or without one. It does not affect the content keys."""
    kept = {name: value for name, value in graph.metadata.items() if name != PARENT_RUN}
    return graph.model_copy(update={"metadata": {**kept, PARENT_RUN: run} if run else kept})
