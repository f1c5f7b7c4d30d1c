"""The HTTP API, one router a file."""

from __future__ import annotations

from fastapi import FastAPI

from workbench.app.api import capabilities, health, jobs, pipelines, presets, system


def register_api(app: FastAPI) -> None:
    """Add every router."""
    for module in (health, jobs, pipelines, presets, capabilities, system):
        app.include_router(module.router)
