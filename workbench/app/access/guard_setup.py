"""Adds the guard to an application."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from fastapi import FastAPI

from workbench.app.access.guard import Guard
from workbench.app.access.limits import Limits
from workbench.app.access.policy import policy_of


def add_guard(app: FastAPI, host: str, port: int) -> None:
    """Guard an application that will listen on ``host`` and ``port``. Add other application middleware before this."""
    app.state.policy = policy_of(app.state.deployment.settings, host, port)
    app.state.limits = Limits()
    app.state.hashing = ThreadPoolExecutor(2, thread_name_prefix="login")
    app.add_middleware(Guard, deployment=app.state.deployment, policy=app.state.policy, limits=app.state.limits)
