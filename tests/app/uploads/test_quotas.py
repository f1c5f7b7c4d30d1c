"""Quotas of stored files, for a user and in all: before a body is read, and for files of this machine."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from schemas.errors import WorkbenchError
from tests.app.named import Named
from tests.app.uploads.conftest import ANN, deployment_at, served
from tests.app.uploads.media import picture
from workbench.app.server import create_app
from workbench.client.deployment import Deployment
from workbench.client.quotas import GIB
from workbench.client.uploads import store_file
from workbench.store.usage import stored_bytes

pytestmark = pytest.mark.stack
PICTURE = picture(size=(300, 300))


@pytest.fixture
def small(s3: dict[str, str], tmp_path: Path) -> Iterator[Deployment]:
    deployment = deployment_at(tmp_path / "home", s3)
    deployment.objects.ensure_bucket()
    yield deployment
    deployment.close()


def limit(deployment: Deployment, **quotas: float | None) -> None:
    deployment.settings = deployment.settings.model_copy(update=quotas)


def send(client: httpx.Client, user: str, data: bytes = PICTURE) -> httpx.Response:
    return client.post("/api/uploads", files={"file": ("a.png", data)}, headers={"x-user": user})


def test_a_user_whose_quota_is_used_up_is_refused_and_others_are_not(small: Deployment, tmp_path: Path) -> None:
    app = create_app(small, pages=False)
    app.add_middleware(Named, otherwise=ANN)
    with served(app) as address, httpx.Client(base_url=address, timeout=90) as client:
        assert send(client, "ann").status_code == 201
        used = stored_bytes(small.store.database, "ann")
        assert used == stored_bytes(small.store.database) > 0
        limit(small, quota_user_gib=used / GIB)
        refused = send(client, "ann")
        assert (refused.status_code, refused.json()["code"]) == (403, "access.quota")
        details = refused.json()["details"]
        assert "GiB" in details["seen"] and "WORKBENCH_QUOTA_USER_GIB" in details["remedy"]
        assert stored_bytes(small.store.database, "bob") == 0
        limit(small, quota_user_gib=None, quota_gib=used / GIB)
        assert "WORKBENCH_QUOTA_GIB" in send(client, "bob/runner").json()["details"]["remedy"], "the quota of all"
    file = tmp_path / "b.png"
    file.write_bytes(PICTURE)
    with pytest.raises(WorkbenchError) as caught:
        store_file(small, file, "image")
    assert caught.value.code == "access.quota", "a path of this machine counts like an upload"


def test_the_announced_size_is_refused_before_the_body_is_read(small: Deployment) -> None:
    app = create_app(small, pages=False)
    app.add_middleware(Named, otherwise=ANN)
    limit(small, quota_user_gib=1e6 / GIB)
    with served(app) as address:
        host, _, port = address.removeprefix("http://").partition(":")
        head = f"POST /api/uploads HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2000000\r\n"
        head += "Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n"
        with socket.create_connection((host, int(port)), timeout=60) as connection:
            connection.sendall(head.encode())
            assert b"access.quota" in connection.recv(65536) + connection.recv(65536)
