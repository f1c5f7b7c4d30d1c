"""The token of a home: created once, added to older homes, read only from files, and optional."""

from __future__ import annotations

import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from schemas.errors import WorkbenchError
from workbench.embedded.credentials import credentials, new_app_token
from workbench.embedded.doctor import _parts
from workbench.embedded.home import prepare_home
from workbench.embedded.plan import plan_stack
from workbench.embedded.process import ProcessId
from workbench.embedded.record import PartRecord, StackRecord, write_record
from workbench.embedded.stack import status
from workbench.settings import load_settings, write_stack_file


@pytest.fixture
def home(tmp_path: Path) -> Path:
    prepare_home(tmp_path / "home")
    return tmp_path / "home"


def test_an_older_home_gets_a_token_and_keeps_the_rest(home: Path) -> None:
    before = {"bus_password": "b" * 32, "s3_access_key": "KEY", "s3_secret_key": "s" * 40, "of_a_later_version": "x"}
    (home / "credentials.json").write_text(json.dumps(before))
    made = credentials(home)
    assert len(made["app_token"]) == 43, "256 bits"
    assert json.loads((home / "credentials.json").read_text()) == {**before, "app_token": made["app_token"]}
    assert oct((home / "credentials.json").stat().st_mode & 0o777) == "0o600"
    assert credentials(home) == made
    another = new_app_token(home)
    assert another != made["app_token"]
    assert credentials(home) == {**made, "app_token": another}
    assert json.loads((home / "credentials.json").read_text())["of_a_later_version"] == "x"


def test_the_app_reads_the_token_from_the_home_and_no_command_line_contains_it(home: Path) -> None:
    plan = plan_stack(home)
    token = credentials(home)["app_token"]
    assert plan.values["app_token"] == token
    assert not [part.name for part in plan.parts if token in f"{part.argv} {part.env}"]
    opened = plan_stack(home, token=False)
    [app] = [part for part in opened.parts if part.name == "app"]
    assert "app_token" not in opened.values and "--no-token" in app.argv


def test_another_users_page_does_not_get_our_token(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_APP_URL", "http://127.0.0.1:9")
    assert "app_token" not in plan_stack(home).values
    monkeypatch.setenv("WORKBENCH_APP_TOKEN", "the-token-of-that-page")
    assert plan_stack(home).values["app_token"] == "the-token-of-that-page"


def test_settings_do_not_show_the_token(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "secret" not in repr(load_settings(home=home, app_token="secret-secret-secret", s3_secret_key="secret"))
    monkeypatch.setenv("WORKBENCH_APP_TOKEN", "not a token: secret")
    with pytest.raises(WorkbenchError) as refused:
        load_settings(home=home)
    assert "WORKBENCH_APP_TOKEN" in str(refused.value) and "secret" not in str(refused.value)


def test_status_and_doctor_say_that_a_page_is_open(home: Path) -> None:
    class Health(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    ours = ProcessId.of(os.getpid())
    record = StackRecord(supervisor=ours, started=True, parts=[PartRecord(name="app", process=ours, ready=True)])
    with ThreadingHTTPServer(("127.0.0.1", 0), Health) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            write_record(home, record)
            for token, said in (("", "open to all accounts on this machine"), ("a-token-of-this-home", "")):
                url = f"http://127.0.0.1:{server.server_port}"
                write_stack_file(home, {"app_url": url, "app_token": token})
                answer = status(home)
                assert answer.part("app").message.partition(" (")[0] == said
                levels = {one.check: one.level.value for one in _parts(answer)}
                assert levels["part app"] == ("warning" if said else "ok")
        finally:
            server.shutdown()
