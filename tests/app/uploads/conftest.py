"""A real server with the app, a real object store and a database; a header names the user."""

from __future__ import annotations

import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from tests.app.named import Named
from tests.stack.conditions import wait_for
from workbench.app.server import create_app
from workbench.client.access import Role, User
from workbench.client.deployment import Deployment
from workbench.settings import load_settings

ANN = User("ann", Role.RUNNER)


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Serve the app on a free loopback port; yield its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False, timeout_graceful_shutdown=2))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        wait_for(lambda: server.started)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()


def deployment_at(home: Path, s3: dict[str, str], **given: object) -> Deployment:
    return Deployment(
        load_settings(
            home=home,
            bus_url="redis://127.0.0.1:1",  # these tests do not use the bus
            sql_url=f"sqlite:///{home}/jobs.db",
            s3_bucket=f"t-{uuid.uuid4().hex[:12]}",
            **s3,
            **given,
        )
    )


@pytest.fixture(scope="module")
def deployment(s3: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A deployment with small size limits, so that a larger file is created quickly."""
    home = tmp_path_factory.mktemp("home")
    deployment = deployment_at(
        home,
        s3,
        upload_image_mb=2,
        upload_audio_mb=3,
        upload_video_mb=4,
        upload_archive_mb=4,
        upload_lora_mb=4,
        upload_minutes=0.5,
    )
    deployment.objects.ensure_bucket()
    yield deployment
    deployment.close()


@pytest.fixture(scope="module")
def client(deployment: Deployment) -> Iterator[httpx.Client]:
    app = create_app(deployment, pages=False)
    app.add_middleware(Named, otherwise=ANN)
    with served(app) as address, httpx.Client(base_url=address, timeout=90) as client:
        yield client


Post = Callable[..., httpx.Response]


@pytest.fixture
def post(client: httpx.Client) -> Post:
    """Upload bytes under a name."""

    def send(data: bytes, name: str = "file.png", kind: str = "", user: str = "ann") -> httpx.Response:
        return client.post(
            "/api/uploads",
            files={"file": (name, data, "image/png")},
            data={"kind": kind} if kind else None,
            headers={"x-user": user},
        )

    return send
