"""Clients that stop sending: their connections end, and slow responses do not."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator

import pytest
from fastapi import Request

from tests.app.access.server import served
from workbench.app.access import body
from workbench.app.server import guarded_app
from workbench.app.stalled_heads import PromptProtocol
from workbench.client.deployment import Deployment

LIMIT_S = 0.4
WHOLE = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1:7860\r\n\r\n"
PART = b"GET /health HTTP/1.1\r\nHost: 127.0."


class QuickProtocol(PromptProtocol):
    silence_s = LIMIT_S


@pytest.fixture
def port(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(body, "SILENCE_S", LIMIT_S)
    app = guarded_app(deployment, "127.0.0.1", 7860, pages=False)

    @app.post("/echo")
    async def slow(request: Request) -> dict[str, bool]:
        await request.body()
        await asyncio.sleep(3 * LIMIT_S)
        return {"slow": True}

    with served(app, http=QuickProtocol, timeout_keep_alive=600) as port:
        yield port


def all_of(connection: socket.socket) -> bytes:
    """What arrives until the server closes the connection."""
    found = b""
    while piece := connection.recv(65536):
        found += piece
    return found


@pytest.mark.parametrize("sent", [b"", PART], ids=["nothing", "half a head"])
def test_a_head_that_is_never_complete_ends_its_connection(port: int, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(sent)
        assert all_of(connection) == b""


def test_the_head_of_a_second_request_has_the_same_limit(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(WHOLE)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        connection.sendall(PART)
        all_of(connection)  # it ends, long before the limit of an idle connection


@pytest.mark.parametrize("path", ["/api/jobs", "/api/uploads", "/echo"])
def test_a_body_that_stops_arriving_is_refused(port: int, path: str) -> None:
    kind = b"multipart/form-data; boundary=b" if path == "/api/uploads" else b"application/json"
    head = b"POST %b HTTP/1.1\r\nHost: 127.0.0.1:7860\r\nContent-Type: %b\r\nContent-Length: 999\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(head % (path.encode(), kind) + (b"--b\r\n" if b"form" in kind else b'{"pipe'))
        head, _, content = all_of(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408") and b"connection: close" in head.lower()
    assert json.loads(content)["code"] == "request.stalled"


def test_a_slow_response_is_not_ended(port: int) -> None:
    head = b"POST /echo HTTP/1.1\r\nHost: 127.0.0.1:7860\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(head)
        assert b'{"slow":true}' in all_of(connection)
