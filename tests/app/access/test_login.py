"""Login and logout with a browser."""

from __future__ import annotations

import re
import time
from http.cookies import SimpleCookie
from typing import Literal

import pytest
from argon2 import Parameters, PasswordHasher, extract_parameters
from starlette.testclient import TestClient

from tests.app.access.conftest import HERE, PASSWORDS, PORT, Launch, log_in
from workbench.app.access.login import local_path
from workbench.client.deployment import Deployment
from workbench.store import users as users_module
from workbench.store.users import SESSION_S, Users

COOKIE = f"workbench_session_{PORT}"
PAGE = {"Accept": "text/html,*/*"}


def test_a_user_is_redirected_to_the_login_and_back(launch: Launch, users: Users) -> None:
    client = launch()
    led = client.get("/runs?status=failed&text=a%20b", headers=PAGE)
    assert led.status_code == 303
    assert led.headers["location"] == "/login?next=%2Fruns%3Fstatus%3Dfailed%26text%3Da%2520b"
    page = client.get(led.headers["location"])
    [next_] = re.findall(r'name="next" value="([^"]+)"', page.text)
    back = log_in(client, next_=next_.replace("&amp;", "&"))
    assert (back.status_code, back.headers["location"]) == (303, "/runs?status=failed&text=a%20b")


@pytest.mark.parametrize("path", ["/", "/probe", "/theme.css", "/manifest.json", "/gradio_api/info", "/openapi.json"])
def test_everything_else_requires_a_login(launch: Launch, path: str) -> None:
    answer = launch().get(path)
    assert answer.status_code == 401
    assert answer.json()["code"] == "access.login_required"
    assert "user token add" in answer.json()["details"]["remedy"]
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("path", ["/api/session", "/gradio_api/queue/data"])
def test_calls_are_never_redirected(launch: Launch, path: str) -> None:
    assert launch().get(path, headers=PAGE).status_code == 401


@pytest.mark.parametrize("path", ["/login", "/health"])
def test_some_addresses_are_open(launch: Launch, path: str) -> None:
    assert launch().get(path).status_code == 200


def test_readiness_lists_its_servers_only_for_logged_in_users(launch: Launch, browser: TestClient) -> None:
    stranger, known = launch().get("/ready"), browser.get("/ready")
    assert (stranger.status_code, stranger.json()) == (503, {"ready": False, "parts": []})
    assert "bus" in {part["name"] for part in known.json()["parts"]}


def test_session_returns_the_current_user(browser: TestClient) -> None:
    told = browser.get("/api/session").json()
    assert told.pop("version")
    assert len(told.pop("csrfToken")) == 64
    assert told == {"user": "ann", "role": "admin", "login": True, "mlflowUrl": "/mlflow/"}


@pytest.mark.parametrize(("scheme", "secure"), [("http", False), ("https", True)])
def test_the_cookie_is_restricted_to_this_server(launch: Launch, users: Users, scheme: str, secure: bool) -> None:
    answer = log_in(launch(base_url=f"{scheme}://127.0.0.1:{PORT}"))
    morsel = SimpleCookie(answer.headers["set-cookie"])[COOKIE]
    assert morsel["httponly"] is True
    assert morsel["samesite"] == "lax"
    assert (morsel["path"], morsel["domain"]) == ("/", "")
    assert bool(morsel["secure"]) is secure
    assert len(morsel.value) == 43  # 256 bits


@pytest.mark.parametrize(
    ("name", "password"), [("ann", "wrong password"), ("nobody", "whatever it is"), ("", ""), ("ann", "x" * 5000)]
)
def test_a_wrong_login_does_not_reveal_what_was_wrong(launch: Launch, users: Users, name: str, password: str) -> None:
    client = launch()
    answer = log_in(client, name, password)
    assert answer.status_code == 401
    assert "The name or the password is wrong." in answer.text
    assert "set-cookie" not in answer.headers
    assert password == "" or password not in answer.text
    assert client.get("/probe").status_code == 401


def test_an_unknown_name_costs_the_same_work(users: Users, monkeypatch: pytest.MonkeyPatch) -> None:
    worked: list[bool] = []
    real = users_module.password_matches

    def counting(password: str, stored: str | None) -> bool:
        worked.append(stored is not None)
        return real(password, stored)

    monkeypatch.setattr(users_module, "password_matches", counting)
    assert users.log_in("ann", "wrong password") is None
    assert users.log_in("nobody", "wrong password") is None
    assert worked == [True, False]


def test_the_dummy_hash_costs_as_much_as_a_real_one(monkeypatch: pytest.MonkeyPatch) -> None:
    from workbench.store import passwords

    compared: list[Parameters] = []

    class Counting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
            compared.append(extract_parameters(str(hash)))
            return super().verify(hash, password)

    stored = passwords.hash_password("a long password")
    passwords._hash_of_no_password()  # once a process
    monkeypatch.setattr(passwords, "_hasher", Counting())
    assert passwords.password_matches("a long password", stored)
    assert not passwords.password_matches("a long password", None)
    assert len(compared) == 2
    assert compared[0] == compared[1]


def test_a_login_never_reuses_a_session_from_the_request(launch: Launch, users: Users) -> None:
    attacker, victim = launch(), launch()
    log_in(attacker, "rob")
    planted = attacker.cookies[COOKIE]
    answer = log_in(victim, "ann", Cookie=f"{COOKIE}={planted}")
    assert SimpleCookie(answer.headers["set-cookie"])[COOKIE].value != planted
    assert attacker.get("/probe").status_code == 401  # the planted session is invalid


def test_an_invented_session_is_invalid(launch: Launch, users: Users) -> None:
    client = launch()
    for value in ("0" * 43, "", '"', "a;b", "é".encode().decode("latin-1")):
        assert client.get("/probe", headers={"Cookie": f"{COOKIE}={value}".encode("latin-1")}).status_code == 401


def test_session_ends_after_a_week(launch: Launch, users: Users, deployment: Deployment) -> None:
    client = launch()
    for age_s, status in ((SESSION_S - 60, 200), (SESSION_S + 60, 401)):
        then = time.time() - age_s
        session = Users(deployment.store.database, clock=lambda then=then: then).log_in("ann", PASSWORDS["ann"])
        assert client.get("/probe", headers={"Cookie": f"{COOKIE}={session}"}).status_code == status


def test_logout_ends_the_session_on_the_server_too(browser: TestClient) -> None:
    session = browser.cookies[COOKIE]
    answer = browser.post("/logout", headers={"Origin": HERE})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert COOKIE not in browser.cookies
    assert browser.get("/probe", headers={"Cookie": f"{COOKIE}={session}"}).status_code == 401


def test_another_site_cannot_log_a_user_out(browser: TestClient) -> None:
    assert browser.post("/logout", headers={"Origin": "https://evil.example"}).status_code == 403
    assert browser.get("/probe").status_code == 200


def test_new_password_ends_every_session(browser: TestClient, users: Users) -> None:
    users.set_password("ann", "another long password")
    assert browser.get("/probe").status_code == 401
    assert log_in(browser, "ann").status_code == 401
    assert log_in(browser, "ann", "another long password").status_code == 303


def test_a_disabled_user_is_logged_out_at_once_and_permanently(browser: TestClient, users: Users) -> None:
    users.set_disabled("ann", True)
    assert browser.get("/probe").status_code == 401
    assert log_in(browser, "ann").status_code == 401
    users.set_disabled("ann", False)
    assert browser.get("/probe").status_code == 401  # the old session does not come back
    assert log_in(browser, "ann").status_code == 303


def test_a_new_role_applies_from_the_next_request(browser: TestClient, users: Users) -> None:
    assert browser.get("/probe").json()["role"] == "admin"
    users.set_role("ann", users_module.Role.VIEWER)
    assert browser.get("/probe").json()["role"] == "viewer"


def test_a_removed_user_is_logged_out(browser: TestClient, users: Users) -> None:
    users.remove("ann")
    assert browser.get("/probe").status_code == 401


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "javascript:alert(1)",
        "evil.example",
        "",
        "/login",
        "/login?next=/login",
        "/logout",
        "/é",
        "/" + "x" * 3000,
    ],
)
def test_the_login_does_not_redirect_to_other_sites(launch: Launch, users: Users, wanted: str) -> None:
    assert local_path(wanted) == "/"
    assert log_in(launch(), next_=wanted).headers["location"] == "/"


@pytest.mark.parametrize("wanted", ["/", "/runs", "/runs?status=failed&text=a%20b", "/?page=1#top", "/loginless"])
def test_the_login_redirects_to_the_requested_page(wanted: str) -> None:
    assert local_path(wanted) == wanted


def test_typed_text_is_escaped_in_html(launch: Launch, users: Users) -> None:
    answer = log_in(launch(), '"><script>alert(1)</script>', "wrong password", next_='/"><script>')
    assert answer.status_code == 401
    assert "<script" not in answer.text


def test_the_login_page_needs_no_script_and_no_other_host(launch: Launch) -> None:
    page = launch().get("/login")
    assert "<script" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    loaded = re.findall(r'(?:src|href|action)="([^"]+)"|url\(([^)]+)\)', page.text)
    assert all(address[0].startswith(("data:", "/")) for address in loaded)
    assert '<html lang="en">' in page.text
    assert len(re.findall(r"<label>", page.text)) == 2
    assert 'autocomplete="current-password"' in page.text


def test_the_login_page_says_when_there_are_no_users(launch: Launch) -> None:
    assert "workbench user add" in launch().get("/login").text


def test_an_invalid_form_counts_as_a_wrong_login(launch: Launch, users: Users) -> None:
    client = launch()
    for body in (b"\xff\xfe=%", b"&".join([b"a=1"] * 50), b'{"name": "ann"}'):
        assert client.post("/login", content=body, headers={"Origin": HERE}).status_code == 401
        client.app.state.limits.logins.succeeded("name:", "address:testclient")  # type: ignore[attr-defined]
