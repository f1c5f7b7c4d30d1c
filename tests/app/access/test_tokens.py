"""API tokens, which authenticate programs."""

from __future__ import annotations

import re

import pytest

from schemas.errors import WorkbenchError
from tests.app.access.conftest import Launch
from workbench.client.deployment import Deployment
from workbench.store.users import Users


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_a_token_identifies_its_user_without_cookie_or_csrf_token(launch: Launch, users: Users) -> None:
    token = users.add_token("rob", "laptop").token
    assert re.fullmatch(r"wb_[\w-]{43}", token)
    answer = launch().post("/probe", content=b"12345", headers=bearer(token))
    assert answer.json() == {"user": "rob", "role": "runner", "bytes": 5}
    assert launch().get("/api/session", headers=bearer(token)).json()["csrfToken"] == ""


def test_token_works_on_this_machine_without_login_too(launch: Launch, users: Users) -> None:
    client = launch("127.0.0.1")
    assert client.get("/probe").json()["user"] == "local"
    assert client.get("/probe", headers=bearer(users.add_token("vi", "script").token)).json()["user"] == "vi"


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_wrong_token_is_refused_and_not_ignored(launch: Launch, users: Users, host: str) -> None:
    for wrong in ("", "wb_", "wb_" + "0" * 43, "é"):
        answer = launch(host).get("/probe", headers={b"Authorization": f"Bearer {wrong}".encode("latin-1")})
        assert (answer.status_code, answer.json()["code"]) == (401, "access.login_required")


def test_token_expires_and_is_removed_by_name(deployment: Deployment, users: Users) -> None:
    now = 1_000_000.0
    timed = Users(deployment.store.database, clock=lambda: now)
    token = timed.add_token("rob", "short", lasts_s=60).token
    now += 59
    assert timed.of_token(token) is not None
    now += 1
    assert timed.of_token(token) is None
    lasting = timed.add_token("rob", "long").token
    now += 1e9
    assert timed.of_token(lasting) is not None
    timed.remove_token("rob", "long")
    assert timed.of_token(lasting) is None
    with pytest.raises(WorkbenchError, match="no token"):
        timed.remove_token("rob", "long")


def test_token_use_is_recorded_once_a_minute(deployment: Deployment, users: Users) -> None:
    now = 1_000_000.0
    timed = Users(deployment.store.database, clock=lambda: now)
    token = timed.add_token("rob", "laptop").token
    used = []
    for later in (0, 30, 59, 60, 61):
        now = 1_000_000.0 + later
        timed.of_token(token)
        used.append(timed.list_tokens("rob")[0].used_at)
    assert used == [1_000_000.0] * 3 + [1_000_060.0] * 2


def test_token_of_a_disabled_or_removed_user_is_refused(launch: Launch, users: Users) -> None:
    client, token = launch(), users.add_token("rob", "laptop").token
    users.set_disabled("rob", True)
    assert client.get("/probe", headers=bearer(token)).status_code == 401
    users.set_disabled("rob", False)
    assert client.get("/probe", headers=bearer(token)).status_code == 200
    users.set_password("rob", "another long password")
    assert client.get("/probe", headers=bearer(token)).status_code == 200
    users.remove("rob")
    assert client.get("/probe", headers=bearer(token)).status_code == 401
