"""The HTTP API, with one router per file."""

from __future__ import annotations

from fastapi import FastAPI

from workbench.app.api import (
    artifacts,
    capabilities,
    comparison,
    compat,
    consents,
    docs,
    health,
    jobs,
    live,
    loras,
    media,
    mlflow_links,
    parts,
    pipelines,
    presets,
    recognition,
    retention,
    runs,
    session,
    studies,
    sweeps,
    system,
    uploads,
    vote,
)


def register_api(app: FastAPI) -> None:
    """Add every router."""
    for module in (
        health,
        session,
        docs,
        jobs,
        sweeps,
        live,
        parts,
        pipelines,
        presets,
        loras,
        capabilities,
        system,
        retention,
        runs,
        consents,
        studies,
        vote,
        uploads,
        artifacts,
        comparison,
        recognition,
        media,
        mlflow_links,
        compat,
    ):
        app.include_router(module.router)
