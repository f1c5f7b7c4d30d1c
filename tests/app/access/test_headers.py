"""Security headers of every answer."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from tests.app.access.conftest import Launch
from workbench.app.access.headers import content_security_policy


def directives(policy: str) -> dict[str, list[str]]:
    return {part.split()[0]: part.split()[1:] for part in policy.split(";")}


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/health", {}, 200),
        ("GET", "/probe", {}, 200),
        ("GET", "/api/session", {}, 200),
        ("GET", "/nowhere", {}, 404),
        ("DELETE", "/health", {"Sec-Fetch-Site": "same-origin"}, 405),
        ("POST", "/probe", {"Origin": "https://evil.example"}, 403),
        ("GET", "/probe", {"Host": "evil.example"}, 421),
        ("GET", "/failing", {}, 500),
        ("GET", "/gradio_api/file=http://evil.example", {}, 404),
    ],
)
def test_every_answer_has_security_headers(
    launch: Launch, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    answer = launch("127.0.0.1").request(method, path, headers=headers)
    assert answer.status_code == status
    for name, value in {
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",
        "x-frame-options": "SAMEORIGIN",
        "cross-origin-opener-policy": "same-origin",
    }.items():
        assert answer.headers[name] == value
    assert "camera=(self)" in answer.headers["permissions-policy"]
    policy = directives(answer.headers["content-security-policy"])
    assert (
        policy["default-src"] == policy["base-uri"] == policy["form-action"] == policy["frame-ancestors"] == ["'self'"]
    )
    assert policy["object-src"] == ["'none'"]
    assert "server" not in answer.headers
    assert set(answer.json()) >= {"error", "code", "details"} or status == 200


def test_answers_of_the_login_have_security_headers(launch: Launch) -> None:
    led = launch().get("/", headers={"Accept": "text/html"})
    assert (led.status_code, led.headers["x-frame-options"]) == (303, "SAMEORIGIN")
    assert launch().get("/login").headers["x-frame-options"] == "DENY"  # a route may be stricter


def test_a_server_error_reveals_no_details(launch: Launch) -> None:
    answer = launch("127.0.0.1").get("/failing")
    assert answer.json()["code"] == "bug"
    assert "nobody expected this" not in answer.text


def test_media_may_come_from_here_and_from_the_object_store(launch: Launch) -> None:
    policy = directives(launch("127.0.0.1").get("/probe").headers["content-security-policy"])
    for name in ("img-src", "media-src", "connect-src"):
        assert "http://127.0.0.1:2" in policy[name]
    assert {"ws://127.0.0.1:7860", "wss://127.0.0.1:7860"} <= set(policy["connect-src"])
    assert policy["script-src"] == ["'self'", "'unsafe-inline'", "'unsafe-eval'"]


def test_the_policy_contains_neither_store_credentials_nor_injected_hosts() -> None:
    policy = content_security_policy("a; script-src *", "https://key:secret@store.example/path")
    assert "secret" not in policy
    assert "https://store.example" in policy
    assert directives(policy)["script-src"] == ["'self'", "'unsafe-inline'", "'unsafe-eval'"]
    assert "ws:" not in policy


@pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost:3000", "null", ""])
@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_no_cors_header_permits_another_page(launch: Launch, origin: str, method: str) -> None:
    path = "/inviting" if method == "GET" else "/probe"
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    answer = launch("127.0.0.1").request(method, path, headers=asked)
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert "server" not in answer.headers


def test_answers_of_the_api_are_not_cached(browser: TestClient) -> None:
    assert browser.get("/api/session").headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=http://evil.example/x",
        "/gradio_api/file=https://evil.example/x",
        "/gradio_api/file=HTTP://evil.example/x",
        "/gradio_api/file=%68ttp://evil.example/x",
        "/gradio_api/file=%20http://evil.example/x",
        "/gradio_api/file/http://evil.example/x",
        "/gradio_api/proxy=https://evil.hf.space/x",
        "/file=http://evil.example/x",
    ],
)
def test_no_route_fetches_other_addresses(launch: Launch, path: str) -> None:
    answer = launch("127.0.0.1").get(path)
    assert (answer.status_code, answer.json()["error"]) == (404, "there is nothing at this address")
