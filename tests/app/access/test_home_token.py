"""An app on loopback that the home's token opens: by a link, by the form or as a header, and its cookie."""

from __future__ import annotations

import time
from http.cookies import SimpleCookie

import pytest
from starlette.testclient import TestClient
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.app.access.conftest import HERE, PORT, Launch, application
from tests.app.access.server import served
from tests.app.access.test_login import PAGE
from workbench.app.access import home_token
from workbench.app.access.limits import LOGINS_FREE
from workbench.store.users import Users

TOKEN = "the-token-of-this-home-0123456789"
ANOTHER = "another-token-of-another-home-012"
COOKIE = f"workbench_session_{PORT}"


@pytest.fixture
def stranger(launch: Launch) -> TestClient:
    """A client without credentials of an app that requires the token."""
    return launch("127.0.0.1", app_token=TOKEN)


@pytest.fixture
def browser(stranger: TestClient) -> TestClient:
    """A client that was opened with the link."""
    assert stranger.get(f"/?token={TOKEN}").status_code == 303
    return stranger


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_a_client_without_the_token_gets_only_instructions(stranger: TestClient) -> None:
    for path in ("/", "/probe", "/metrics", "/api/session", "/api/jobs", "/theme.css", "/web/api.js", "/openapi.json"):
        for headers in ({}, bearer(ANOTHER), bearer(""), {"Cookie": f"{COOKIE}={home_token.new_cookie(ANOTHER)}"}):
            answer = stranger.get(path, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (401, "access.login_required"), (path, headers)
            assert "workbench token" in answer.json()["details"]["remedy"]


def test_a_link_with_the_token_leads_to_the_same_page_without_it(stranger: TestClient) -> None:
    led = stranger.get(f"/runs?status=failed&token={TOKEN}&text=a%20b", headers={**PAGE, "Sec-Fetch-Site": "none"})
    assert (led.status_code, led.headers["location"]) == (303, "/runs?status=failed&text=a%20b")
    morsel = SimpleCookie(led.headers["set-cookie"])[COOKIE]
    assert (morsel["httponly"], morsel["samesite"], morsel["path"], morsel["domain"]) == (True, "lax", "/", "")
    assert TOKEN not in morsel.value
    told = stranger.get("/api/session").json()
    assert (told["user"], told["role"], told["login"]) == ("local", "admin", False)
    assert stranger.post("/probe", headers={"Origin": HERE}).status_code == 200
    assert stranger.post("/probe", headers={"Origin": "http://127.0.0.1:8888"}).status_code == 403
    assert stranger.post("/probe").status_code == 403, "a cookie alone is not enough"
    assert stranger.post("/probe", headers={"X-CSRF-Token": told["csrfToken"]}).status_code == 200


def test_a_link_does_not_redirect_to_other_hosts(stranger: TestClient) -> None:
    assert stranger.get(f"{HERE}//evil.example/?token={TOKEN}").headers["location"] == "/evil.example/"


def test_a_link_with_another_token_leads_to_the_form(stranger: TestClient, browser: TestClient) -> None:
    assert browser.get(f"/runs?token={ANOTHER}").headers["location"] == "/runs", "a valid cookie is enough"
    stranger.cookies.clear()
    led = stranger.get(f"/runs?token={ANOTHER}", headers=PAGE)
    assert (led.status_code, led.headers["location"]) == (303, "/login?next=%2Fruns&wrong=1")
    page = stranger.get(led.headers["location"])
    assert "This is not the current token of this workbench" in page.text
    assert "workbench open" in page.text and "workbench token" in page.text
    assert 'name="next" value="/runs"' in page.text and 'name="password"' not in page.text
    assert ANOTHER not in led.headers["location"] + page.text


def test_the_token_in_an_address_does_not_open_calls(stranger: TestClient) -> None:
    """Only pages open with a link: a secret in the address of a call would end up in logs."""
    assert stranger.get(f"/api/jobs?token={TOKEN}").status_code == 401
    assert stranger.post(f"/probe?token={TOKEN}", headers={"Origin": HERE}).status_code == 401


def test_the_form_accepts_the_token_and_redirects(stranger: TestClient) -> None:
    led = stranger.get("/runs", headers=PAGE)
    assert led.headers["location"] == "/login?next=%2Fruns"
    form = {"next": "/runs", "token": f" {TOKEN}\n"}
    assert stranger.post("/login", data=form, headers={"Origin": "http://127.0.0.1:8888"}).status_code == 403
    back = stranger.post("/login", data=form, headers={"Origin": HERE})
    assert (back.status_code, back.headers["location"]) == (303, "/runs")
    assert stranger.get("/probe").json()["user"] == "local"
    assert stranger.get("/login?next=/runs").headers["location"] == "/runs", "a logged-in user needs no form"
    assert stranger.post("/logout", headers={"Origin": HERE}).headers["location"] == "/login"
    assert stranger.get("/probe").status_code == 401


def test_wrong_tokens_are_delayed_but_the_right_one_never(stranger: TestClient) -> None:
    tries = [stranger.post("/login", data={"token": ANOTHER}, headers={"Origin": HERE}) for _ in range(LOGINS_FREE)]
    assert [answer.status_code for answer in tries] == [401] * LOGINS_FREE
    waits = stranger.post("/login", data={"token": ANOTHER}, headers={"Origin": HERE})
    assert (waits.status_code, waits.headers["retry-after"]) == (429, "2")
    assert stranger.get(f"/?token={ANOTHER}").status_code == 429
    assert stranger.get(f"/?token={TOKEN}").status_code == 303, "other users of this machine cannot lock the user out"


def test_programs_send_it_as_a_header(stranger: TestClient, users: Users) -> None:
    assert stranger.post("/probe", headers=bearer(TOKEN)).json()["user"] == "local"
    rob = users.add_token("rob", "laptop").token
    assert stranger.get("/probe", headers=bearer(rob)).json()["user"] == "rob", "user tokens stay valid"


def test_probes_of_operators_are_answered_without_details(stranger: TestClient, browser: TestClient) -> None:
    known = stranger.get("/ready").json()
    stranger.cookies.clear()
    assert stranger.get("/health").status_code == 200
    assert stranger.get("/ready").json() == {"ready": False, "parts": []}
    assert known["parts"] != []


def test_a_new_token_or_time_ends_every_cookie(launch: Launch, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {"Cookie": f"{COOKIE}={home_token.new_cookie(TOKEN)}"}
    assert launch("127.0.0.1", app_token=TOKEN).get("/probe", headers=kept).status_code == 200
    assert launch("127.0.0.1", app_token=ANOTHER).get("/probe", headers=kept).status_code == 401
    until, _, mac = kept["Cookie"].partition("=")[2].partition(".")
    longer = {"Cookie": f"{COOKIE}={int(until) + 1}.{mac}"}
    assert launch("127.0.0.1", app_token=TOKEN).get("/probe", headers=longer).status_code == 401
    later = time.time() + home_token.COOKIE_S
    monkeypatch.setattr(home_token.time, "time", lambda: later)
    assert launch("127.0.0.1", app_token=TOKEN).get("/probe", headers=kept).status_code == 401


def test_with_user_logins_the_home_token_is_invalid(launch: Launch, users: Users) -> None:
    for client in (launch("0.0.0.0", app_token=TOKEN), launch("127.0.0.1", app_token=TOKEN, login="required")):
        cookie = {"Cookie": f"{COOKIE}={home_token.new_cookie(TOKEN)}"}
        assert [client.get("/probe", headers=given).status_code for given in (bearer(TOKEN), cookie)] == [401, 401]
        assert client.get(f"/?token={TOKEN}", headers=PAGE).headers["location"].startswith("/login")
        assert 'name="password"' in client.get("/login").text


def test_sockets_require_the_token_too(tmp_path_factory: pytest.TempPathFactory) -> None:
    with served(application(tmp_path_factory.mktemp("home"), "127.0.0.1", app_token=TOKEN)) as port:
        own = f"http://127.0.0.1:{port}"
        address = f"ws://127.0.0.1:{port}/echo"
        cookie = {"Cookie": f"{COOKIE}={home_token.new_cookie(TOKEN)}"}
        for headers in (cookie, bearer(TOKEN)):
            with connect(address, origin=own, additional_headers=headers) as ours:  # type: ignore[arg-type]
                ours.send("hello")
                assert ours.recv(10) == "local: hello"
        with connect(f"{address}?token={TOKEN}", origin=own) as theirs, pytest.raises(ConnectionClosed) as closed:  # type: ignore[arg-type]
            theirs.recv(10)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 4401
