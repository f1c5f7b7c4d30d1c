"""The stack behind the pages: probe jobs over its HTTP API, its records and its processes."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import httpx

from schemas.job import JobRecord
from tests.cli.graphs import document
from tests.cli.program import Program
from tests.stack.conditions import wait_for
from workbench.client.deployment import Deployment
from workbench.settings import Settings, load_settings

Edges = Sequence[tuple[str, str]]


def bearer(settings: Settings) -> dict[str, str]:
    """The header that authenticates programs."""
    return {"Authorization": f"Bearer {settings.app_token}"}


def cookies(settings: Settings) -> list[Any]:
    """The cookies of a browser after it was opened with the token, for a Playwright context."""
    answer = httpx.get(f"{settings.app_url}/?token={settings.app_token}", timeout=30)
    return [{"name": name, "value": value, "url": settings.app_url} for name, value in answer.cookies.items()]


class Place:
    """A running stack.

    Attributes:
        url: the address of its page.
        deployment: direct access to the same deployment, without the page.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.settings = load_settings(home=program.home)
        self.url = self.settings.app_url
        self.deployment = Deployment(self.settings)
        self._api = httpx.Client(
            base_url=self.url,
            headers=bearer(self.settings),
            timeout=30,
            limits=httpx.Limits(max_keepalive_connections=0),  # some tests kill the app
        )

    def close(self) -> None:
        self._api.close()
        self.deployment.close()

    def answers(self) -> bool:
        """Whether the app serves the page."""
        try:
            return self._api.get("/health").is_success
        except httpx.TransportError:
            return False

    def get(self, path: str) -> Any:
        return self._api.get(path).raise_for_status().json()

    def put(self, path: str, body: Mapping[str, Any]) -> None:
        self._api.put(path, json=dict(body)).raise_for_status()

    def post(self, path: str, **content: Any) -> Any:
        return self._api.post(path, **content).raise_for_status().json()

    def submit(self, nodes: Mapping[str, Mapping[str, Any]], edges: Edges = (), **fields: Any) -> str:
        """Submit probe nodes {node: params} of the data plane, which are never cached; return the job's id."""
        graph = document(
            *(
                {"id": id_, "service": "probe.data", "retries": {"maxAttempts": 1}, "params": dict(p)}
                for id_, p in nodes.items()
            ),
            edges=tuple(edges),
        )
        return self.order(graph=graph, **fields)

    def order(self, **fields: Any) -> str:
        """Submit through POST /api/jobs; return the job's id."""
        answer = self._api.post("/api/jobs", json=fields)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["jobId"])

    def job(self, job: str) -> JobRecord:
        return self.deployment.job(job)

    def ended(self, job: str, timeout_s: float = 120) -> JobRecord:
        """Wait until a job is final; return its record."""

        def final() -> JobRecord | None:
            record = self.deployment.job(job)
            return record if record.status.final else None

        record = wait_for(final, timeout_s)
        assert record is not None
        return record

    def cancel(self, job: str) -> None:
        self.deployment.cancel(job)
        self.ended(job)

    def event_numbers(self, job: str) -> list[str]:
        """The numbers of all recorded events of the job."""
        return [event.cursor for event in self.deployment.events(job)]

    def part(self, name: str) -> dict[str, Any]:
        """The entry of a part in `workbench status`."""
        parts = self.program.json("status")["parts"]
        return next(dict(part) for part in parts if part["name"] == name)

    def kill(self, name: str) -> None:
        """Kill the process of a part; the stack restarts it."""
        os.kill(int(self.part(name)["pid"]), signal.SIGKILL)

    @contextmanager
    def without_restarts(self) -> Iterator[None]:
        """Stop the stack's supervisor during the block, so that ended processes are not restarted."""
        pid = int(self.program.json("status")["pid"])
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def wait_for(self, condition: Callable[[], Any], timeout_s: float = 120) -> Any:
        return wait_for(condition, timeout_s)
