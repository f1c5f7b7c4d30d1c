"""A live deployment with an app process, and clients on its WebSocket."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from websockets.sync.client import ClientConnection, connect

from tests.live import ROOT, LiveDeployment, free_port, sigkill, wait_for
from workbench.embedded.part import START_TIMEOUT_S


class App:
    """An app process on a fixed port, so that it can be killed and restarted at the same address."""

    def __init__(self, live: LiveDeployment, *how: str) -> None:
        self.live = live
        self.how = how
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = self.live._start([sys.executable, "-m", "tests.app.serve", str(self.port), *self.how], cwd=ROOT)
        wait_for(self._answers, START_TIMEOUT_S, "the app answers")

    def _answers(self) -> bool:
        assert self.process is not None and self.process.poll() is None, self.live.log()[-3000:]
        try:
            return httpx.get(f"{self.url}/health", timeout=5).is_success
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        if self.process is not None:
            sigkill(self.process)


class Watcher:
    """A client that reads and keeps every message."""

    def __init__(self, app: App, user: str = "", **options: Any) -> None:
        headers = {"X-User": user} if user else {}
        self.socket: ClientConnection = connect(
            f"ws://127.0.0.1:{app.port}/ws", additional_headers=headers, max_size=None, **options
        )
        self.live = app.live
        self.updates: list[dict[str, Any]] = []

    def __enter__(self) -> Watcher:
        return self

    def __exit__(self, *error: object) -> None:
        self.socket.close()

    def send(self, **message: Any) -> None:
        self.socket.send(orjson.dumps(message).decode())

    def receive(self, timeout_s: float = 60.0) -> dict[str, Any]:
        message: dict[str, Any] = orjson.loads(self.socket.recv(timeout_s))
        if message.get("type") == "update":
            self.updates.append(message)
        return message

    def answer(self, timeout_s: float = 60.0) -> dict[str, Any]:
        """The next answer; updates before it are stored."""
        while True:
            message = self.receive(timeout_s)
            if message.get("action") == "response":
                return message

    def subscribe(self, job: str, after: str = "") -> dict[str, Any]:
        self.send(action="subscribe", jobId=job, **({"after": after} if after else {}))
        return self.answer()

    def until(self, condition: Any, timeout_s: float = 60.0) -> dict[str, Any]:
        """The first update for which the condition is true."""
        while True:
            message = self.receive(timeout_s)
            if message.get("type") == "update" and condition(message):
                return message

    def wait_for_end(self, job: str) -> dict[str, Any]:
        """The update with the end of the job. After it, the outputs of the job are recorded."""
        last = self.until(lambda update: update["jobId"] == job and final(update))
        assert self.live.deployment.job(job).status.final
        return last

    def events(self, job: str) -> list[str]:
        """The numbers of all events of the job, in order of arrival."""
        return [
            f"{event['epoch']}-{event['seq']}"
            for update in self.updates
            if update["jobId"] == job
            for event in update["events"]
        ]


def final(update: dict[str, Any]) -> bool:
    return update["status"] in ("completed", "failed", "cancelled")


def numbers(live: LiveDeployment, job: str) -> list[str]:
    """The numbers of the job's recorded events."""
    return [event.cursor for event in live.deployment.events(job)]


@pytest.fixture(scope="session")
def _app(_live: LiveDeployment) -> Iterator[App]:
    _live.ensure()
    app = App(_live)
    yield app
    app.kill()


@pytest.fixture
def app(live: LiveDeployment, _app: App) -> App:
    if _app.process is None or _app.process.poll() is not None:
        _app.start()
    return _app


@pytest.fixture(scope="session")
def _guarded(_live: LiveDeployment) -> Iterator[App]:
    _live.ensure()
    app = App(_live, "guarded")
    app.start()
    yield app
    app.kill()


@pytest.fixture
def guarded(live: LiveDeployment, _guarded: App) -> App:
    """An app with its real guard."""
    return _guarded


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """A file that nodes wait for (``gate`` of a probe)."""
    return tmp_path / "gate"
