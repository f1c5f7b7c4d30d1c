"""From a pipeline with options, as a page or an HTTP client gives them, to the graph of a job."""

from __future__ import annotations

import time
from typing import Any

from schemas.api import Consent, JobOptions, JobRequest
from schemas.graph import Graph
from schemas.refs import Ref
from workbench.client.bench import Bench, below_run
from workbench.client.given import check_refs, given_ref
from workbench.client.pipelines import find_pipeline
from workbench.engine.accept import Accepted, Request
from workbench.engine.parse import parse_graph
from workbench.workflows import OPTION_NAMES, Options, build

FILES = {"portrait": "image", "audio": "audio", "voice": "audio"}  # option -> kind


def place(
    bench: Bench,
    asked: JobRequest,
    *,
    owner: str,
    reader: str | None,
    key: str | None = None,
    files: dict[str, Ref] | None = None,
    parent_run: str | None = None,
) -> Accepted:
    """Submit what a person asked for. Raises WorkbenchError; then nothing was queued.

    Args:
        owner: of the job; keys of different owners are different keys.
        reader: whose uploads and artifacts may be named; None: everybody's.
        key: idempotency key: what is placed again with it is the same job.
        files: references that are known already, by option; they are not looked up.
        parent_run: MLflow run that the job's is put below.
    """
    if asked.graph is not None:
        graph = parse_graph(asked.graph)
        check_refs(bench, graph, owner=reader)
    else:
        assert asked.pipeline is not None
        graph = ordered_graph(bench, asked.pipeline, asked.options, asked.params, reader, files)
    return bench.submit(
        Request(
            below_run(with_consent(graph, asked.consent, owner), parent_run),
            key=own_key(owner, key),
            pipeline=asked.pipeline or "",
            experiment=asked.experiment,
            owner=owner,
            lane=asked.lane,
        )
    )


def own_key(owner: str, key: str | None) -> str | None:
    """An idempotency key as it is kept: those of different owners are different."""
    return f"{owner}/{key}" if key else None


def ordered_graph(
    bench: Bench,
    pipeline: str,
    options: JobOptions,
    params: dict[str, dict[str, Any]],
    reader: str | None,
    files: dict[str, Ref] | None = None,
    assumed: dict[str, Any] | None = None,
) -> Graph:
    """The graph of a pipeline. What was asked for is kept in its metadata, for "again with changes".

    Args:
        files: references that are known already, by option; they are not looked up.
        assumed: values of options that are not given, for a graph that is never run.
    """
    chosen, files = find_pipeline(pipeline), files or {}
    found = dict(files)
    for name, kind in FILES.items():
        digest = getattr(options, name)
        if digest is not None and name not in found:
            found[name] = given_ref(bench, digest, kind, owner=reader, where=name)
    settings = {node: dict(values) for node, values in params.items()}
    if bench.settings.llm_url and options.prompt and "prompt" in chosen.takes:
        settings.setdefault("script", {}).setdefault("model", bench.settings.llm_model)
    given: dict[str, Any] = {name: found.get(name, getattr(options, name)) for name in OPTION_NAMES}
    given |= assumed or {}
    graph = build(
        chosen,
        Options(
            **given, seed=options.seed, params=settings, leave_out=frozenset(options.leave_out), fresh=options.fresh
        ),
    )
    known = {value.sha256 for value in (*files.values(), *(assumed or {}).values()) if isinstance(value, Ref)}
    check_refs(bench, graph, owner=reader, known=known)
    digests = {name: ref.sha256 for name, ref in found.items()}
    graph.metadata["asked"] = {
        "pipeline": pipeline,
        "options": options.model_copy(update=digests).model_dump(mode="json", by_alias=True, exclude_defaults=True),
        "params": params,
    }
    return graph


def asked_for(graph: Graph) -> dict[str, Any] | None:
    """What the graph's pipeline was given: ``{pipeline, options, params}``; None for a graph of one's own."""
    asked = graph.metadata.get("asked")
    return asked if isinstance(asked, dict) else None


def with_consent(graph: Graph, consent: Consent | None, by: str) -> Graph:
    """The graph with the consent that was given recorded in it, and no other: not part of what is computed."""
    graph.metadata.pop("consent", None)
    if consent is not None:
        graph.metadata["consent"] = {**consent.model_dump(mode="json"), "by": by, "at": round(time.time(), 3)}
    return graph
