"""The role as a process: without users it does not listen for other machines, and its log contains no secrets."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.app.access.conftest import settings_in
from tests.live import ROOT, free_port, wait_for
from workbench.store.users import Users


def role(folder: Path, *arguments: str, **given: str) -> subprocess.Popen[str]:
    """``workbench app``, its log in ``app.log``."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WORKBENCH_")}
    named = ("bus_url", "s3_url", "s3_access_key", "s3_secret_key", "sql_url")
    settings = settings_in(folder)
    variables = {f"WORKBENCH_{name.upper()}": str(getattr(settings, name)) for name in named}
    with (folder / "app.log").open("w") as log:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "workbench.cli.main", "app", *arguments],
            cwd=ROOT,
            env={**clean, **variables, "WORKBENCH_HOME": str(folder), **given},
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
        )


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_a_deployment_without_users_does_not_listen_on_other_interfaces(tmp_path: Path, host: str) -> None:
    process = role(tmp_path, "--host", host, "--port", str(free_port()))
    assert process.wait(150) == 2
    said = (tmp_path / "app.log").read_text()
    assert "access.no_user" in said
    assert "workbench user add NAME --role admin" in said


@pytest.mark.slow
def test_debug_log_of_a_handshake_has_no_cookie_and_no_token(tmp_path: Path, users: Users) -> None:
    port, secrets = free_port(), {"Cookie": "workbench_session=kept-to-oneself", "Authorization": "Bearer wb_also-kept"}
    process = role(tmp_path, "--port", str(port), WORKBENCH_LOG_LEVEL="debug")
    try:

        def refused() -> int | None:
            assert process.poll() is None, (tmp_path / "app.log").read_text()
            try:
                with connect(f"ws://127.0.0.1:{port}/ws", origin="http://evil.example", additional_headers=secrets):  # type: ignore[arg-type]
                    raise AssertionError("let in")
            except InvalidStatus as answer:
                return answer.response.status_code
            except OSError:
                return None

        assert wait_for(refused, 200, "the page's server answers") == 403
        # Started manually, it requires the home's token, like the app of a stack.
        token = json.loads((tmp_path / "credentials.json").read_text())["app_token"]
        with_token = {"Authorization": f"Bearer {token}"}
        told = [httpx.get(f"http://127.0.0.1:{port}/api/session", headers=given) for given in ({}, with_token)]
        assert [answer.status_code for answer in told] == [401, 200]
        assert httpx.get(f"http://127.0.0.1:{port}/?token={token}").status_code == 303
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    said = (tmp_path / "app.log").read_text()
    assert "/ws" in said
    assert "kept-to-oneself" not in said
    assert "wb_also-kept" not in said
    assert token not in said
