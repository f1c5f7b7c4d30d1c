"""The HTTP API, one router a file."""

from __future__ import annotations

from fastapi import FastAPI

from workbench.app.api import artifacts, capabilities, compat, health, jobs, parts, pipelines, presets, system, uploads


def register_api(app: FastAPI) -> None:
    """Add every router."""
    for module in (health, jobs, parts, pipelines, presets, capabilities, system, uploads, artifacts, compat):
        app.include_router(module.router)
