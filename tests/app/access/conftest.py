"""The real app with a real SQLite file. The tests use neither bus nor object store, so their URLs lead nowhere.

The app has extra routes for the tests: one that echoes, one that fails, one that answers like Gradio's CORS.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import JSONResponse
from starlette.testclient import TestClient

from schemas.access import Role
from workbench.app.server import guarded_app
from workbench.client.deployment import Deployment
from workbench.client.users import users_of
from workbench.settings import Settings
from workbench.store.users import Users

PORT = 7860
HERE = f"http://127.0.0.1:{PORT}"
PASSWORDS = {"ann": "ann's long password", "rob": "rob's long password", "vi": "vi's long password"}
ROLES = {"ann": Role.ADMIN, "rob": Role.RUNNER, "vi": Role.VIEWER}
BUS_PASSWORD, S3_SECRET = "bus-secret-7c1d", "s3-secret-93fa"

Launch = Callable[..., TestClient]


def settings_in(folder: Path, **given: Any) -> Settings:
    return Settings(
        home=folder,
        bus_url=f"redis://:{BUS_PASSWORD}@127.0.0.1:1",
        s3_url="http://127.0.0.1:2",
        s3_access_key="key",
        s3_secret_key=S3_SECRET,
        sql_url=f"sqlite:///{folder}/jobs.db",
        mlflow_url="http://recorder:mlflow-secret-55@127.0.0.1:3/",
        **given,
    )


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    return Deployment(settings_in(tmp_path))


@pytest.fixture(scope="session")
def database_with_users(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with users, created once because password hashing is slow on purpose."""
    made = Deployment(settings_in(tmp_path_factory.mktemp("users")))
    for name, password in PASSWORDS.items():
        users_of(made).add(name, ROLES[name], password)
    made.store.close()
    return made.settings.home / "jobs.db"


@pytest.fixture
def users(deployment: Deployment, database_with_users: Path) -> Users:
    """Ann, Rob and Vi, an admin, a runner and a viewer."""
    shutil.copy(database_with_users, deployment.settings.home / "jobs.db")
    return users_of(deployment)


def application(folder: Path, host: str, **given: Any) -> FastAPI:
    """The app as served, with the extra routes of the tests."""
    app = guarded_app(Deployment(settings_in(folder, **given)), host, PORT, pages=False)

    @app.api_route("/probe", methods=["GET", "POST", "PUT", "DELETE", "OPTIONS"], include_in_schema=False)
    async def probe(request: Request) -> JSONResponse:
        size = len(await request.body())
        return JSONResponse({"user": request.state.user.name, "role": request.state.user.role, "bytes": size})

    @app.get("/failing")
    def failing() -> None:
        raise RuntimeError("nobody expected this")

    @app.get("/inviting")
    def inviting(request: Request) -> JSONResponse:
        origin = request.headers.get("origin", "*")
        invitation = {"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": "true"}
        return JSONResponse({}, headers={**invitation, "Server": "something/1.0"})

    @app.websocket("/echo")
    async def echo(socket: WebSocket) -> None:
        await socket.accept()
        async for text in socket.iter_text():
            await socket.send_text(f"{socket.state.user.name}: {text}")

    return app


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Launch]:
    """Create clients of an app that listens on ``host``; the client uses ``base_url``."""
    opened: list[TestClient] = []

    def launch(host: str = "0.0.0.0", base_url: str = HERE, **given: Any) -> TestClient:
        app = application(tmp_path, host, **given)
        client = TestClient(app, base_url, follow_redirects=False, raise_server_exceptions=False)
        opened.append(client)
        return client

    yield launch
    for client in opened:
        client.close()


def log_in(client: TestClient, name: str = "ann", password: str | None = None, next_: str = "/", **headers: str) -> Any:
    """Send the login form like a browser; return the answer."""
    form = {"name": name, "password": PASSWORDS[name] if password is None else password, "next": next_}
    return client.post("/login", data=form, headers={"Origin": str(client.base_url).rstrip("/"), **headers})


@pytest.fixture
def browser(launch: Launch, users: Users) -> TestClient:
    """Ann's browser, logged in to a server that is open to other machines."""
    client = launch()
    assert log_in(client).status_code == 303
    return client
