"""Permissions in MLflow: viewers read, runners log, administrators delete, and some calls are always blocked."""

from __future__ import annotations

import os
import socket
import stat
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from tests.app.mlflow.conftest import Front
from workbench.app.server import guarded_app
from workbench.client.deployment import Deployment
from workbench.unix_url import socket_of

pytestmark = pytest.mark.stack


def requests(front: Front) -> dict[str, tuple[str, str, dict[str, Any], str]]:
    """The requests, each with the lowest role that may send it."""
    api, run = "/api/2.0/mlflow", {"run_id": front.run}
    tag = {"key": "k", "value": "v"}
    return {
        "page": ("GET", "/", {}, "vi"),
        "search": ("POST", f"{api}/runs/search", {"json": {"experiment_ids": [front.experiment]}}, "vi"),
        "run": ("GET", f"{api}/runs/get?run_id={front.run}", {}, "vi"),
        "query": ("POST", "/graphql", {"json": {"query": "query { __typename }"}}, "vi"),
        "log": ("POST", f"{api}/runs/log-batch", {"json": {**run, "params": [tag]}}, "rob"),
        "tag": ("POST", f"/ajax-api{api[4:]}/runs/set-tag", {"json": {**run, **tag}}, "rob"),
        "delete": ("POST", f"{api}/runs/delete", {"json": run}, "ann"),
        "restore": ("POST", f"{api}/runs/restore", {"json": run}, "ann"),
        "webhook": ("POST", f"{api}/webhooks", {"json": {"name": "w", "url": "http://127.0.0.1:9"}}, "nobody"),
        "mutation": ("POST", "/graphql", {"json": {"query": "mutation { testMutation { value } }"}}, "nobody"),
        "presigned": ("GET", "/api/2.0/mlflow-artifacts/presigned/1/x", {}, "nobody"),
        "gateway": ("POST", "/ajax-api/3.0/mlflow/gateway/secrets/create", {"json": {}}, "nobody"),
        "assistant": ("GET", "/ajax-api/3.0/mlflow/assistant/config", {}, "nobody"),
        "unknown": ("POST", f"{api}/something/new", {"json": {}}, "nobody"),
    }  # fmt: skip


def test_each_role_may_do_what_it_allows(front: Front) -> None:
    ladder = ("vi", "rob", "ann", "nobody")
    for name, (method, path, given, least) in requests(front).items():
        for who in ladder[:3]:
            answer = front.ask(who, method, path, **given)
            if ladder.index(who) >= ladder.index(least):
                assert answer.status_code == 200, (name, who, answer.text)
            else:
                code = "tracking.not_offered" if least == "nobody" else "access.forbidden"
                expected = (403, code) if name != "unknown" else (404, "request.not_found")
                assert (answer.status_code, answer.json()["code"]) == expected, (name, who)


def test_unknown_users_get_nothing(front: Front) -> None:
    for path in ("/mlflow/", "/mlflow/health", "/mlflow/api/2.0/mlflow/experiments/search"):
        assert httpx.get(front.url + path).status_code == 401
    led = httpx.get(f"{front.url}/mlflow/", headers={"Accept": "text/html"})
    assert (led.status_code, led.headers["location"]) == (303, "/login?next=%2Fmlflow%2F")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can try as another account")
def test_another_account_does_not_reach_the_socket(front: Front) -> None:
    path = socket_of(front.deployment.settings.mlflow_url)
    assert path is not None and stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    child = os.fork()
    if child == 0:
        os.setgid(65534)
        os.setuid(65534)
        try:
            socket.socket(socket.AF_UNIX).connect(str(path))
        except PermissionError:
            os._exit(7)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_only_permitted_headers_reach_mlflow(front: Front) -> None:
    """MLflow refuses a foreign Origin by itself, uses the workspace in a header, and reads cookies."""
    here = {"Origin": front.url, "Cookie": "a=b", "X-MLFLOW-WORKSPACE": "other", "X-Forwarded-Host": "evil.example"}
    body = {"experiment_ids": [front.experiment]}
    answer = front.ask("vi", "POST", "/ajax-api/2.0/mlflow/runs/search", json=body, headers=here)
    assert answer.status_code == 200
    foreign = front.ask(
        "ann", "POST", "/ajax-api/2.0/mlflow/runs/search", json=body, headers={"Origin": "http://127.0.0.1:1"}
    )
    assert (foreign.status_code, foreign.json()["code"]) == (403, "access.cross_site")
    assert "set-cookie" not in answer.headers and "server" not in answer.headers


def test_an_mlflow_for_administrators_is_closed_to_others(front: Front) -> None:
    deployment = Deployment(front.deployment.settings.model_copy(update={"mlflow_access": "administrators"}))
    with TestClient(guarded_app(deployment, "127.0.0.1", 80, pages=False), "http://127.0.0.1") as client:
        for who, status in (("vi", 403), ("rob", 403), ("ann", 200)):
            answer = client.get("/mlflow/version", headers={"Authorization": f"Bearer {front.tokens[who]}"})
            assert answer.status_code == status
            shown = client.get("/api/session", headers={"Authorization": f"Bearer {front.tokens[who]}"}).json()
            assert shown["mlflowUrl"] == ("/mlflow/" if status == 200 else "")


def test_a_missing_or_unreachable_mlflow_is_reported(front: Front) -> None:
    for url, code in (("", "tracking.off"), ("http://a:secret@127.0.0.1:9/x", "tracking.unreachable")):
        deployment = Deployment(front.deployment.settings.model_copy(update={"mlflow_url": url}))
        with TestClient(guarded_app(deployment, "127.0.0.1", 80, pages=False), "http://127.0.0.1") as client:
            answer = client.get("/mlflow/version", headers={"Authorization": f"Bearer {front.tokens['vi']}"})
        assert answer.json()["code"] == code
        assert "secret" not in answer.text
