"""From a pipeline with options, as a page or an HTTP client gives them, to the graph of a job."""

from __future__ import annotations

import time
from typing import Any

from schemas.api import Consent, JobOptions
from schemas.graph import Graph
from schemas.refs import Ref
from workbench.client.bench import Bench
from workbench.client.given import given_ref
from workbench.client.pipelines import find_pipeline
from workbench.workflows import Options, build

FILES = {"portrait": "image"}  # option -> kind


def ordered_graph(
    bench: Bench,
    pipeline: str,
    options: JobOptions,
    params: dict[str, dict[str, Any]],
    *,
    reader: str | None,
    files: dict[str, Ref] | None = None,
) -> Graph:
    """The graph of a pipeline. What was asked for is kept in its metadata, for "again with changes".

    Args:
        reader: whose uploads and artifacts the options may name; None: everybody's.
        files: references that are known already, by option; they are not looked up.

    Raises WorkbenchError: pipeline.unknown, pipeline.bad_option, artifact.unknown, request.invalid.
    """
    chosen = find_pipeline(pipeline)
    found = dict(files or {})
    for name, kind in FILES.items():
        digest = getattr(options, name)
        if digest is not None and name not in found:
            found[name] = given_ref(bench, digest, kind, owner=reader, where=name)
    settings = {node: dict(values) for node, values in params.items()}
    if bench.settings.llm_url and "prompt" in chosen.takes:
        settings.setdefault("script", {}).setdefault("model", bench.settings.llm_model)
    graph = build(
        chosen,
        Options(
            **found,  # type: ignore[arg-type]
            prompt=options.prompt,
            script=options.script,
            seed=options.seed,
            params=settings,
            leave_out=frozenset(options.leave_out),
            fresh=options.fresh,
        ),
    )
    graph.metadata["asked"] = {
        "pipeline": pipeline,
        "options": options.model_copy(update={name: ref.sha256 for name, ref in found.items()}).model_dump(
            mode="json", by_alias=True, exclude_defaults=True
        ),
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
