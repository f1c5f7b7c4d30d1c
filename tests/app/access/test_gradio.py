"""Gradio behind the guard: its open addresses, its CORS and its proxies. The tests share one slow app."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from tests.app.access.conftest import HERE, PASSWORDS, PORT, settings_in
from workbench.app.server import guarded_app
from workbench.client.deployment import Deployment
from workbench.client.users import users_of
from workbench.store.users import Role

EVIL, LOCAL_PAGE = "https://evil.example", "http://localhost:3000"


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    return Deployment(settings_in(tmp_path_factory.mktemp("gradio")))


@pytest.fixture(scope="module")
def local(deployment: Deployment) -> Iterator[TestClient]:
    """A client of an app without login."""
    with TestClient(guarded_app(deployment, "127.0.0.1", PORT), HERE, follow_redirects=False) as client:
        yield client


@pytest.fixture(scope="module")
def public(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A client of an app with login that is not logged in."""
    users_of(deployment).add("ann", Role.ADMIN, PASSWORDS["ann"])
    with TestClient(guarded_app(deployment, "0.0.0.0", PORT), HERE, follow_redirects=False) as client:
        yield client


OWN_ADDRESSES = [
    "/theme.css",
    "/manifest.json",
    "/config",
    "/favicon.ico",
    "/robots.txt",
    "/gradio_api/info",
    "/gradio_api/app_id",
    "/gradio_api/token",
    "/gradio_api/startup-events",
    "/gradio_api/queue/status",
    "/gradio_api/heartbeat/x",
    "/gradio_api/file=/etc/hostname",
    "/static/img/logo.svg",
]


@pytest.mark.parametrize("path", OWN_ADDRESSES)
def test_no_gradio_address_is_open(public: TestClient, path: str) -> None:
    assert public.get(path).status_code == 401


def test_the_page_is_served_to_permitted_users(local: TestClient, public: TestClient) -> None:
    page = local.get("/", headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert "gradio" in page.text
    assert public.get("/", headers={"Accept": "text/html"}).headers["location"].startswith("/login")


def test_posts_from_other_sites_are_refused(local: TestClient) -> None:
    for path in ("/gradio_api/queue/join", "/gradio_api/run/predict", "/gradio_api/upload", "/gradio_api/reset"):
        assert local.post(path, json={}, headers={"Origin": EVIL}).status_code == 403
        assert local.post(path, json={}, headers={"Origin": LOCAL_PAGE}).status_code == 403
        assert local.post(path, json={}, headers={"Origin": HERE}).status_code not in (401, 403)


@pytest.mark.parametrize("origin", [LOCAL_PAGE, EVIL])
def test_its_cors_headers_for_localhost_pages_are_removed(local: TestClient, origin: str) -> None:
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    for answer in (
        local.get("/config", headers={"Origin": origin}),
        local.options("/gradio_api/queue/join", headers=asked),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_gradio_does_not_proxy_requests(local: TestClient) -> None:
    for path in ("/gradio_api/file=http://127.0.0.1:2/x", "/gradio_api/proxy=https://x.hf.space/y"):
        assert local.get(path).json()["error"] == "there is nothing at this address"


def test_the_login_page_is_ours(public: TestClient) -> None:
    form = {"name": "ann", "password": PASSWORDS["ann"], "next": "/"}
    assert public.post("/login", data=form, headers={"Origin": HERE}).status_code == 303
    assert public.get("/config").status_code == 200
    public.post("/logout", headers={"Origin": HERE})
    assert public.get("/config").status_code == 401
