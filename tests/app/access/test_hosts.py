"""Which host names a server accepts, and when it requires a login."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.errors import WorkbenchError
from tests.app.access.conftest import Launch, settings_in
from workbench.app.access.policy import check_address, policy_of
from workbench.client.deployment import Deployment
from workbench.store.users import Users

# listens on, setting login, setting app_hosts, Host -> status without a login
MATRIX = [
    ("127.0.0.1", "auto", "", "127.0.0.1:7860", 200),
    ("127.0.0.1", "auto", "", "localhost:7860", 200),
    ("127.0.0.1", "auto", "", "LocalHost", 200),
    ("127.0.0.1", "auto", "", "localhost.", 200),
    ("127.0.0.1", "auto", "", "127.8.9.1:1", 200),
    ("127.0.0.1", "auto", "", "[::1]:7860", 200),
    ("localhost", "auto", "", "localhost:7860", 200),
    ("::1", "auto", "", "[::1]:7860", 200),
    ("127.0.0.1", "auto", "", "evil.example:7860", 421),  # a name that an attacker made resolve to 127.0.0.1
    ("127.0.0.1", "auto", "", "localhost.evil.example", 421),
    ("127.0.0.1", "auto", "", "127.0.0.1.evil.example", 421),
    ("127.0.0.1", "auto", "", "192.168.1.5:7860", 421),
    ("127.0.0.1", "auto", "", "0.0.0.0:7860", 421),
    ("127.0.0.1", "auto", "", "2130706433", 421),
    ("127.0.0.1", "auto", "", "a b", 421),
    ("127.0.0.1", "auto", "", "localhost@evil.example", 421),
    ("127.0.0.1", "auto", "deployment.lab", "deployment.lab", 421),  # without a login, only loopback is accepted
    ("127.0.0.1", "required", "", "127.0.0.1:7860", 401),
    ("127.0.0.1", "required", "", "deployment.lab", 421),
    ("127.0.0.1", "required", "deployment.lab", "deployment.lab", 401),  # behind a proxy on the same machine
    ("127.0.0.1", "required", "a.lab, Deployment.Lab:443", "deployment.lab", 401),
    ("0.0.0.0", "auto", "", "anything.example", 401),
    ("0.0.0.0", "auto", "", "127.0.0.1:7860", 401),
    ("::", "auto", "", "anything.example", 401),
    ("0.0.0.0", "auto", "deployment.lab", "deployment.lab:7860", 401),
    ("0.0.0.0", "auto", "deployment.lab", "evil.example", 421),
    ("192.168.1.5", "auto", "", "192.168.1.5:7860", 401),
    ("192.168.1.5", "auto", "", "evil.example", 421),
    ("deployment.lab", "auto", "", "deployment.lab", 401),
    ("deployment.lab", "auto", "", "evil.example", 421),
]


@pytest.mark.parametrize(("listens", "login", "hosts", "host", "status"), MATRIX, ids=str)
def test_host_names_and_login_requirements(
    launch: Launch, listens: str, login: str, hosts: str, host: str, status: int
) -> None:
    answer = launch(listens, login=login, app_hosts=hosts).get("/probe", headers={"Host": host})
    assert answer.status_code == status
    if status == 421:
        assert answer.json()["code"] == "access.foreign_host"
        assert answer.json()["details"]["remedy"]


def test_two_host_headers_are_refused(launch: Launch) -> None:
    answer = launch("127.0.0.1").get("/probe", headers=[("Host", "127.0.0.1"), ("Host", "127.0.0.1")])
    assert answer.status_code == 421


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Forwarded-Host", "Forwarded", "X-Real-IP"])
def test_a_proxied_request_does_not_count_as_local(launch: Launch, users: Users, header: str) -> None:
    answer = launch("127.0.0.1").get("/probe", headers={header: "203.0.113.9"})
    assert answer.status_code == 421
    assert "WORKBENCH_LOGIN=required" in answer.json()["details"]["remedy"]
    assert launch("127.0.0.1", login="required").get("/probe", headers={header: "203.0.113.9"}).status_code == 401


def test_cookies_of_two_deployments_on_one_machine_do_not_collide(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    assert policy_of(settings, "0.0.0.0", 7860).cookie != policy_of(settings, "0.0.0.0", 7861).cookie


def test_a_server_without_users_refuses_to_listen_on_other_interfaces(deployment: Deployment, tmp_path: Path) -> None:
    for local in ("127.0.0.1", "localhost", "::1"):
        check_address(deployment, local)
    for open_ in ("0.0.0.0", "::", "192.168.1.5", "deployment.lab"):
        with pytest.raises(WorkbenchError) as refused:
            check_address(deployment, open_)
        assert refused.value.code == "access.no_user"
        assert "workbench user add" in refused.value.remedy


def test_a_server_with_a_user_may_listen_on_other_interfaces(deployment: Deployment, users: Users) -> None:
    check_address(deployment, "0.0.0.0")
    for name in ("ann", "rob", "vi"):
        users.set_disabled(name, True)
    with pytest.raises(WorkbenchError):
        check_address(deployment, "0.0.0.0")
