"""The HTTP API, one router a file."""

from __future__ import annotations

from fastapi import FastAPI

from workbench.app.api import health, session


def register_api(app: FastAPI) -> None:
    """Add every router."""
    for module in (health, session):
        app.include_router(module.router)
