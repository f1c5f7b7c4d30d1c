"""The API in this process over a live bench of real processes; who asks is said by a header."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.live import Diary, LiveBench
from workbench.app.identity import LOCAL, Role, User
from workbench.app.server import create_app
from workbench.client.bench import Bench

Client = TestClient
Asking = Callable[..., Client]


class AsUser:
    """Stands where the guard stands: the user is who the header says."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            said = dict(scope["headers"]).get(b"x-test-user", b"").decode()
            name, _, role = said.partition(":")
            scope.setdefault("state", {})["user"] = User(name, Role(role)) if said else LOCAL
        await self.app(scope, receive, send)


def client_of(bench: Bench, user: str = "") -> Client:
    """Args: user: "name:role"; the local admin where it is empty."""
    app = AsUser(create_app(bench, pages=False))
    return Client(app, "http://127.0.0.1", raise_server_exceptions=False, headers={"x-test-user": user} if user else {})


@pytest.fixture(scope="session")
def _live(tmp_path_factory: pytest.TempPathFactory, s3: dict[str, str]) -> Iterator[LiveBench]:
    bench = LiveBench(tmp_path_factory.mktemp("live"), s3)
    yield bench
    bench.stop()


@pytest.fixture
def live(_live: LiveBench) -> LiveBench:
    _live.ensure()
    return _live


@pytest.fixture
def api(live: LiveBench) -> Client:
    return client_of(live.bench)


@pytest.fixture
def asking(live: LiveBench) -> Asking:
    """A client of the user "name:role"."""
    return lambda user: client_of(live.bench, user)


@pytest.fixture
def diary(tmp_path: Path) -> Diary:
    return Diary(tmp_path / "diary")


def refused(answer: Any, status: int, code: str) -> dict[str, Any]:
    """The details of a refusal, which has this status, this code and the one shape."""
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    assert set(body) == {"error", "code", "details"} and body["code"] == code, body
    details: dict[str, Any] = body["details"]
    return details
