"""Which requests come from our own pages, and which from other sites in the same browser."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from tests.app.access.conftest import HERE, PORT, Launch, log_in
from workbench.app.access.cross_site import csrf_token
from workbench.store.users import Users

EVIL = "https://evil.example"
LOCALHOST = f"http://localhost:{PORT}"  # another name is another site, even if both are this machine
OTHER_PORT = "http://127.0.0.1:8888"

LINK = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}

# method, headers, status with a cookie, with a token, in an app without login
MATRIX = [
    ("GET", {}, 200, 200, 200),
    ("GET", {"Origin": HERE}, 200, 200, 200),
    ("GET", {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}, 200, 200, 200),
    ("GET", {"Sec-Fetch-Site": "cross-site", **LINK}, 200, 200, 200),  # a link to a run
    ("GET", {"Sec-Fetch-Site": "same-site", **LINK}, 200, 200, 200),  # the same in a notebook
    ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403, 403, 403),  # an image on a foreign page
    # A page from another port of this machine is same-site: its requests include the cookie.
    ("GET", {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}, 403, 403, 403),
    ("GET", {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}, 403, 403, 403),
    ("GET", {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, 403, 403, 403),
    ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "embed"}, 403, 403, 403),
    ("GET", {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate"}, 403, 403, 403),
    ("GET", {"Sec-Fetch-Site": "same-site"}, 403, 403, 403),
    ("GET", {"Sec-Fetch-Site": "none", **LINK}, 200, 200, 200),
    ("OPTIONS", {"Origin": EVIL}, 200, 200, 200),  # answered without CORS headers: see test_headers
    ("POST", {"Origin": HERE}, 200, 200, 200),
    ("PUT", {"Origin": HERE}, 200, 200, 200),
    ("POST", {"Origin": HERE.replace("http", "https")}, 200, 200, 200),  # a proxy that ends TLS hides the scheme
    ("POST", {"Origin": HERE.upper()}, 200, 200, 200),
    ("POST", {"Origin": EVIL}, 403, 403, 403),
    ("PUT", {"Origin": EVIL}, 403, 403, 403),
    ("DELETE", {"Origin": EVIL}, 403, 403, 403),
    ("POST", {"Origin": LOCALHOST}, 403, 403, 403),
    ("POST", {"Origin": OTHER_PORT}, 403, 403, 403),
    ("POST", {"Origin": "null"}, 403, 403, 403),
    ("POST", {"Origin": ""}, 403, 403, 403),
    ("POST", {"Origin": f"http://user@127.0.0.1:{PORT}.evil.example"}, 403, 403, 403),
    ("POST", {"Origin": f"http://127.0.0.1:{PORT}@evil.example"}, 403, 403, 403),
    ("POST", {"Origin": "file://127.0.0.1:7860"}, 403, 403, 403),
    ("POST", {"Sec-Fetch-Site": "cross-site"}, 403, 403, 403),
    ("POST", {"Sec-Fetch-Site": "same-site"}, 403, 403, 403),
    ("POST", {"Sec-Fetch-Site": "same-origin"}, 200, 200, 200),
    ("POST", {"Sec-Fetch-Site": "none"}, 403, 200, 200),
    ("POST", {}, 403, 200, 200),  # not a current browser but a program; with a cookie, it also needs the CSRF token
    ("DELETE", {}, 403, 200, 200),
    ("POST", {"X-CSRF-Token": "wrong"}, 403, 200, 200),
    ("POST", {"X-CSRF-Token": "right"}, 200, 200, 200),
    ("POST", {"X-CSRF-Token": "right", "Origin": EVIL}, 403, 403, 403),
    ("POST", {"X-CSRF-Token": "right", "Sec-Fetch-Site": "cross-site"}, 403, 403, 403),
]


@pytest.fixture
def token(users: Users) -> str:
    return users.add_token("ann", "laptop").token


@pytest.mark.parametrize(("method", "headers", "cookie", "token_", "local"), MATRIX, ids=str)
def test_requests_are_judged_by_their_origin(
    launch: Launch, users: Users, token: str, method: str, headers: dict[str, str], cookie: int, token_: int, local: int
) -> None:
    with_cookie = launch()
    log_in(with_cookie)
    right = csrf_token(with_cookie.cookies[f"workbench_session_{PORT}"])
    sent = {name: right if value == "right" else value for name, value in headers.items()}
    bearer = {**sent, "Authorization": f"Bearer {token}"}
    answers = [
        with_cookie.request(method, "/probe", headers=sent),
        launch().request(method, "/probe", headers=bearer),
        launch("127.0.0.1").request(method, "/probe", headers=sent),
    ]
    assert [answer.status_code for answer in answers] == [cookie, token_, local]
    assert all(answer.json()["code"] == "access.cross_site" for answer in answers if answer.status_code == 403)


def test_a_page_gets_the_csrf_token_that_requests_need(browser: TestClient) -> None:
    given = browser.get("/api/session").json()["csrfToken"]
    assert browser.post("/probe", headers={"X-CSRF-Token": given}).status_code == 200
    assert browser.post("/probe").status_code == 403


def test_each_session_has_its_own_csrf_token(launch: Launch, users: Users) -> None:
    first, second = launch(), launch()
    log_in(first)
    log_in(second)
    given = first.get("/api/session").json()["csrfToken"]
    assert second.post("/probe", headers={"X-CSRF-Token": given}).status_code == 403


def test_behind_a_tls_proxy_the_origin_of_the_page_is_this_server(launch: Launch, users: Users) -> None:
    client = launch(base_url="http://deployment.lab.example", app_hosts="deployment.lab.example")
    headers = {"Origin": "https://deployment.lab.example"}
    answer = log_in(client, **headers)
    assert answer.status_code == 303
    assert client.post("/probe", headers=headers).status_code == 200
    assert client.post("/probe", headers={"Origin": "https://lab.example"}).status_code == 403


def test_another_site_cannot_log_a_user_in(launch: Launch, users: Users) -> None:
    assert log_in(launch(), Origin=EVIL).status_code == 403


def test_two_origins_are_refused(browser: TestClient) -> None:
    answer = browser.post("/probe", headers=[("Origin", HERE), ("Origin", HERE)])
    assert answer.status_code == 403
