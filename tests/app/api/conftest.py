"""The API in this process with a live deployment of real processes; a header names the user."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.app.named import Named
from tests.live import LiveDeployment
from workbench.app.server import create_app
from workbench.client.deployment import Deployment

Client = TestClient
Asking = Callable[..., Client]


def client_of(deployment: Deployment, user: str = "") -> Client:
    """Args: user: "name/role"; empty means the local admin."""
    app = Named(create_app(deployment, pages=False))
    return Client(app, "http://127.0.0.1", raise_server_exceptions=False, headers={"x-user": user} if user else {})


@pytest.fixture
def api(live: LiveDeployment) -> Client:
    return client_of(live.deployment)


@pytest.fixture
def asking(live: LiveDeployment) -> Asking:
    """Create a client for the user "name/role"."""
    return lambda user: client_of(live.deployment, user)


def refused(answer: Any, status: int, code: str) -> dict[str, Any]:
    """Check the status, the code and the error format of an answer; return its details."""
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    assert set(body) == {"error", "code", "details"} and body["code"] == code, body
    details: dict[str, Any] = body["details"]
    return details
