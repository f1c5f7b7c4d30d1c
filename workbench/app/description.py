"""What the OpenAPI document says beside the routes: names, versions, groups."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from schemas.live import LiveHeartbeat, LiveRequest, LiveResponse, LiveUpdate
from workbench.client.options import options_model
from workbench.pipelines.registry import pipelines

_LIVE = (LiveRequest, LiveResponse, LiveUpdate, LiveHeartbeat)
TAGS: list[dict[str, Any]] = [
    {"name": "jobs", "description": "Submit, list, look at, cancel, repeat and delete jobs; approve what they ask."},
    {"name": "pipelines", "description": "What can be made, what each pipeline takes, and what its nodes offer now."},
    {"name": "presets", "description": "Named parameters of a pipeline."},
    {"name": "uploads", "description": "Portraits, voices and sounds from outside."},
    {"name": "artifacts", "description": "What jobs took and made: short-lived links, thumbnails."},
    {"name": "capabilities", "description": "What all workers together can run."},
    {"name": "system", "description": "Parts, queues, workers and storage."},
    {"name": "access", "description": "Who asks: sessions, users, tokens."},
    {"name": "older clients", "description": "Calls in the form that earlier clients use."},
    {"name": "health", "description": "Liveness, readiness and metrics, for supervisors and Prometheus."},
]

SUMMARY = """
Everything that the pages do is done through these calls. Errors have one shape, `{error, code, details}`; the codes are
explained in docs/errors.md. Live states come over the WebSocket at `/ws` (docs/live.md).
"""


def described() -> dict[str, Any]:
    """Arguments of the FastAPI application."""
    return {
        "title": "Talking-head workbench",
        "version": _version(),
        "description": SUMMARY.strip(),
        "openapi_tags": TAGS,
        "license_info": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        "generate_unique_id_function": _name,
        "docs_url": None,  # FastAPI's own page loads its parts from another host
        "redoc_url": None,
        "openapi_url": "/openapi.json",
    }


def _name(route: APIRoute) -> str:
    return route.name  # the names of a generated client's methods


def _version() -> str:
    try:
        return version("talking-head-workbench")
    except PackageNotFoundError:  # run from a folder, not installed
        return "0"


def describe_more(app: FastAPI) -> None:
    """Add to the OpenAPI document what no route says: the options of each pipeline, the WebSocket's messages."""
    plain = app.openapi

    def whole() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = plain()
            options = [options_model(pipeline) for pipeline in pipelines().values()]
            modes: list[tuple[type[BaseModel], JsonSchemaMode]] = [
                *((model, "serialization") for model in _LIVE),
                *((model, "validation") for model in options),
            ]
            names, found = models_json_schema(modes, ref_template="#/components/schemas/{model}")
            schemas = document["components"]["schemas"]
            document["components"]["schemas"] = {**found["$defs"], **schemas}
            schemas["JobRequest"]["properties"]["options"] |= {
                "anyOf": [names[model, "validation"] for model in options]
            }
        assert app.openapi_schema is not None
        return app.openapi_schema

    app.openapi = whole  # type: ignore[method-assign]
