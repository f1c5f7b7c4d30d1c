"""No secret appears in an answer, the log or an event."""

from __future__ import annotations

import logging
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from schemas.event import Event, EventType
from schemas.job import NewJob
from tests.app.access.conftest import (
    BUS_PASSWORD,
    PASSWORDS,
    PORT,
    S3_SECRET,
    application,
)
from tests.app.access.server import served
from tests.engine.graphs import document
from workbench.engine.parse import parse_graph
from workbench.logs import configure_logging
from workbench.store.tables import events, sessions, tokens
from workbench.store.tables import users as users_table
from workbench.store.users import Users

TYPED = "a password typed into the field of the name"


def test_no_secret_in_answers_logs_events_or_tables(
    tmp_path: Path, users: Users, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for client_side in ("httpx", "httpcore"):  # loggers of the test's own client
        caplog.set_level(logging.WARNING, logger=client_side)
    configure_logging("debug")
    app = application(tmp_path, "0.0.0.0")
    token = users.add_token("rob", "laptop").token
    answers: list[httpx.Response] = []
    with (
        served(app, log_level="debug", access_log=True) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client,
    ):
        own = {"Origin": f"http://127.0.0.1:{port}"}

        def form(name: str, password: str) -> httpx.Response:
            answers.append(client.post("/login", data={"name": name, "password": password}, headers=own))
            return answers[-1]

        assert form("ann", "the wrong password of ann").status_code == 401
        assert form(TYPED, "").status_code == 401
        assert form("ann", PASSWORDS["ann"]).status_code == 303
        session = client.cookies[f"workbench_session_{PORT}"]
        paths = ["/login", "/api/session", "/probe", "/failing", "/nowhere", "/openapi.json", "/health", "/inviting"]
        answers += [client.get(path) for path in paths]
        client.cookies.clear()
        bearer = {"Authorization": f"Bearer {token}"}
        answers += [client.get(path, headers=bearer) for path in paths]
        answers += [client.get(path) for path in paths]
        answers.append(client.get("/probe", headers={"Authorization": "Bearer wb_a-wrong-token"}))
        answers.append(client.get("/probe", headers={"Cookie": f"workbench_session_{PORT}={session}", "Host": "x y"}))
        # The error for an unreachable server names the server, but not its credentials.
        (tmp_path / "jobs.db").rename(tmp_path / "elsewhere.db")
        (tmp_path / "jobs.db").mkdir()
        app.state.deployment.store.close()
        answers.append(client.get("/probe", headers=bearer))
        assert answers[-1].status_code == 503
        (tmp_path / "jobs.db").rmdir()
        (tmp_path / "elsewhere.db").rename(tmp_path / "jobs.db")
    assert {answer.status_code for answer in answers} >= {200, 303, 401, 404, 500}

    store = app.state.deployment.store
    graph = parse_graph(document({"a": "probe.control"}))
    store.create(NewJob(id="job-1", graph=graph, graph_hash="0" * 64, owner="ann"))
    store.apply([Event(job="job-1", epoch=1, seq=1, type=EventType.NODE_RUNNING, node="a", at=1.0)])
    with store.database.read() as connection:
        recorded = str(connection.execute(select(events)).all())
        kept = str([connection.execute(select(table)).all() for table in (users_table, tokens, sessions)])
    assert "job-1" in recorded

    said = "".join(capfd.readouterr()) + caplog.text
    assert "login refused" in said
    assert "logged in" in said
    shown = "\n".join(
        f"{answer.headers.multi_items() if 'set-cookie' not in answer.headers else ''}{answer.text}"
        for answer in answers
    )
    secrets = {
        "S3 secret": S3_SECRET,
        "bus password": BUS_PASSWORD,
        "MLflow password": "mlflow-secret-55",
        "token": token,
        "wrong token": "wb_a-wrong-token",
        "session": session,
        "password": PASSWORDS["ann"],
        "wrong password": "the wrong password of ann",
    }
    for place, text in {"an answer": shown, "the log": said, "an event": recorded, "a table": kept}.items():
        assert not [name for name, secret in secrets.items() if secret in text], f"in {place}"
    assert TYPED not in said  # it appears only in the field
