"""WebSockets through a real server, with a real client."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.app.access.conftest import PASSWORDS, PORT, application
from tests.app.access.server import served
from tests.live import wait_for
from workbench.app.access import guard
from workbench.app.access.limits import Open
from workbench.client.access import LOCAL
from workbench.store.users import Users

COOKIE = f"workbench_session_{PORT}"
EVIL = "https://evil.example"


@pytest.fixture
def app(tmp_path: Path) -> FastAPI:
    return application(tmp_path, "0.0.0.0")


@pytest.fixture
def port(app: FastAPI, users: Users) -> Iterator[int]:
    """A server that requires a login."""
    with served(app) as port:
        yield port


def opened(port: int, origin: str | None = "own", **options: Any) -> ClientConnection:
    own = f"http://127.0.0.1:{port}"
    return connect(f"ws://127.0.0.1:{port}/echo", origin=own if origin == "own" else origin, **options)


def cookie(users: Users, name: str = "rob") -> dict[str, str]:
    return {"Cookie": f"{COOKIE}={users.log_in(name, PASSWORDS[name])}"}


def test_the_socket_knows_the_user_of_the_cookie(port: int, users: Users) -> None:
    with opened(port, additional_headers=cookie(users)) as ours:
        ours.send("hello")
        assert ours.recv(10) == "rob: hello"


def test_program_with_a_token_needs_no_origin(port: int, users: Users) -> None:
    bearer = {"Authorization": f"Bearer {users.add_token('vi', 'watcher').token}"}
    with opened(port, None, additional_headers=bearer) as ours:
        ours.send("hello")
        assert ours.recv(10) == "vi: hello"


@pytest.mark.parametrize("headers", [{}, {"Cookie": f"{COOKIE}=made-up"}, {"Authorization": "Bearer wb_made-up"}])
def test_the_close_code_asks_an_unknown_user_to_log_in(port: int, headers: dict[str, str]) -> None:
    with opened(port, additional_headers=headers) as refused, pytest.raises(ConnectionClosed) as closed:
        refused.recv(10)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4401, "log in first")


def test_sockets_are_limited_per_user_and_closing_one_frees_a_slot(app: FastAPI, port: int, users: Users) -> None:
    app.state.limits.sockets_open = Open("open pages", 1)
    rob = cookie(users)
    with opened(port, additional_headers=rob) as first:
        first.send("one")
        assert first.recv(10) == "rob: one"
        with opened(port, additional_headers=rob) as second, pytest.raises(ConnectionClosed) as closed:
            second.recv(10)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1013
        with opened(port, additional_headers=cookie(users, "vi")) as other:
            other.send("two")
            assert other.recv(10) == "vi: two"
    wait_for(lambda: "rob" not in app.state.limits.sockets_open._open, what="the first one is gone")
    with opened(port, additional_headers=rob) as third:
        third.send("three")
        assert third.recv(10) == "rob: three"


@pytest.mark.parametrize("origin", [EVIL, "http://localhost:1", "null"])
def test_a_handshake_from_another_site_is_refused_with_any_cookie(port: int, users: Users, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        opened(port, origin, additional_headers=cookie(users))
    assert refused.value.response.status_code == 403


def test_without_login_other_sites_are_refused_too(tmp_path: Path) -> None:
    with served(application(tmp_path, "127.0.0.1")) as port:
        with opened(port) as ours:
            ours.send("hello")
            assert ours.recv(10) == "local: hello"
        with pytest.raises(InvalidStatus) as refused:
            opened(port, EVIL)
        assert refused.value.response.status_code == 403
        with pytest.raises(InvalidStatus) as rebound:
            # A page at evil.example, whose name resolves to 127.0.0.1: for the browser, this is the same site.
            connect(f"ws://evil.example:{port}/echo", origin=f"http://evil.example:{port}", sock=dialled(port))  # type: ignore[arg-type]
        assert rebound.value.response.status_code == 403


def dialled(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), 10)


@pytest.mark.parametrize("change", ["disabled", "password", "logout", "role", "removed"])
def test_an_open_socket_ends_with_its_login(
    port: int, users: Users, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    session = users.log_in("rob", PASSWORDS["rob"])
    assert session is not None
    with opened(port, additional_headers={"Cookie": f"{COOKIE}={session}"}) as ours:
        monkeypatch.setattr(guard, "RECHECK_S", 0.0)
        ours.send("one")
        assert ours.recv(10) == "rob: one"  # checked again, and still permitted
        {
            "disabled": lambda: users.set_disabled("rob", True),
            "password": lambda: users.set_password("rob", "another long password"),
            "logout": lambda: users.log_out(session),
            "role": lambda: users.set_role("rob", LOCAL.role),
            "removed": lambda: users.remove("rob"),
        }[change]()
        ours.send("two")
        with pytest.raises(ConnectionClosed) as closed:
            ours.recv(10)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4401


def test_an_open_socket_survives_an_unreachable_database(
    app: FastAPI, port: int, users: Users, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cookie_ = cookie(users)
    with opened(port, additional_headers=cookie_) as ours:
        monkeypatch.setattr(guard, "RECHECK_S", 0.0)
        (tmp_path / "jobs.db").rename(tmp_path / "elsewhere.db")
        (tmp_path / "jobs.db").mkdir()
        app.state.deployment.store.close()  # including connections to the old file
        assert httpx.get(f"http://127.0.0.1:{port}/probe", headers=cookie_).status_code == 503
        ours.send("one")
        assert ours.recv(20) == "rob: one"


def test_a_refused_request_is_not_read_completely(port: int) -> None:
    """The answer arrives while ten megabytes are still unsent."""
    head = f"POST /api/uploads HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 10000000\r\n\r\nabc"
    with dialled(port) as line:
        line.sendall(head.encode())
        assert line.recv(1000).startswith(b"HTTP/1.1 401")


def test_no_answer_names_the_server_software(port: int) -> None:
    assert "server" not in httpx.get(f"http://127.0.0.1:{port}/health").headers
