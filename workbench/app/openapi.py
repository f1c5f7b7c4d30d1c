"""The parts of the OpenAPI document that do not come from routes: title, version, groups, additional schemas."""

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
    {"name": "jobs", "description": "Submit, list, show, cancel, repeat and delete jobs; answer their approvals."},
    {"name": "sweeps", "description": "One pipeline over several axes: plan, start, pause, extend."},
    {"name": "pipelines", "description": "The pipelines, their inputs, and whether workers provide their nodes."},
    {"name": "runs", "description": "The list of jobs as a table: columns, marks, actions on many, views."},
    {"name": "presets", "description": "Named parameters of a pipeline."},
    {"name": "uploads", "description": "Files from users: portraits, voices, videos."},
    {"name": "artifacts", "description": "Inputs and outputs of jobs: short-lived links, thumbnails."},
    {"name": "votes", "description": "Blind votes: studies, links for raters, and what raters call."},
    {"name": "capabilities", "description": "The services that all workers together provide."},
    {"name": "system", "description": "Parts, queues, workers and storage."},
    {"name": "access", "description": "Sessions, users, tokens."},
    {"name": "older clients", "description": "Calls for compatibility with earlier clients."},
    {"name": "health", "description": "Liveness, readiness and metrics, for supervisors and Prometheus."},
]

SUMMARY = """
The pages use these calls for everything they do. All errors have the shape `{error, code, details}`; docs/errors.md
explains the codes. The WebSocket at `/ws` sends live states (docs/live.md).
"""


def openapi_options() -> dict[str, Any]:
    """Arguments of the FastAPI application."""
    return {
        "title": "Talking-head workbench",
        "version": _version(),
        "description": SUMMARY.strip(),
        "openapi_tags": TAGS,
        "license_info": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        "generate_unique_id_function": _name,
        "docs_url": None,  # FastAPI's own page loads files from another host
        "redoc_url": None,
        "openapi_url": "/openapi.json",
    }


def _name(route: APIRoute) -> str:
    return route.name  # becomes the method name of a generated client


def _version() -> str:
    try:
        return version("talking-head-workbench")
    except PackageNotFoundError:  # run from a folder without installation
        return "0"


def extend_openapi(app: FastAPI) -> None:
    """Add the options of each pipeline and the messages of the WebSocket to the OpenAPI document."""
    generate = app.openapi

    def extended() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = generate()
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

    app.openapi = extended  # type: ignore[method-assign]
