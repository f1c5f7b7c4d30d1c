"""`workbench lab`: it answers clients with the token on loopback, supports widgets, and ends completely."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import psutil
import pytest
from websockets.sync.client import connect

from tests.cli.program import ROOT, Program
from tests.stack.conditions import wait_for
from workbench.cli.browser import secret_page

pytestmark = pytest.mark.stack


UPLOAD_BYTES = 2 << 20  # a chunk of a file has half of this


def ask(base: str, path: str, token: str, given: bytes | None = None) -> Any:
    headers = {"Authorization": f"token {token}"} if token else {}
    with urllib.request.urlopen(urllib.request.Request(base + path, given, headers)) as answer:
        return json.load(answer)


def started(program: Program) -> tuple[subprocess.Popen[str], dict[str, Any], str, str]:
    """(process, what it printed, address, token)."""
    folder = program.home.parent / "notebooks"
    shutil.copytree(ROOT / "notebooks", folder, dirs_exist_ok=True)
    process = program.start("lab", str(folder), "--no-open", "--json")
    assert process.stdout is not None
    text = ""
    while "}" not in text:  # it prints one JSON document and keeps running
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        text += line
    shown = json.loads(text)
    parts = urlsplit(shown["url"])
    return process, shown, f"http://{parts.netloc}", parts.query.removeprefix("token=")


def told_much(base: str, kernel: str, token: str) -> str:
    """The answer of a kernel to a message that is longer than an upload chunk of a form."""
    message = {
        "header": {
            "msg_id": "long",
            "msg_type": "kernel_info_request",
            "session": "test",
            "username": "",
            "version": "5",
        },
        "parent_header": {},
        "metadata": {"file": "x" * UPLOAD_BYTES},
        "content": {},
        "channel": "shell",
    }
    headers = {"Authorization": f"token {token}"}
    address = f"{base.replace('http', 'ws', 1)}/api/kernels/{kernel}/channels?session_id=test"
    with connect(address, additional_headers=headers, proxy=None, max_size=None) as channels:
        channels.send(json.dumps(message))
        for heard in channels:
            answer = json.loads(heard)
            if answer["parent_header"].get("msg_id") == "long" and answer["channel"] == "shell":
                return str(answer["msg_type"])
    return "closed"


def test_lab_starts_answers_requests_with_the_token_and_ends(deployment: Program) -> None:
    proxy = {"http_proxy": "http://127.0.0.1:9", "no_proxy": "", "NO_PROXY": ""}  # no server is there
    process, shown, base, token = started(Program(deployment.home, **proxy))
    parts = urlsplit(base)
    try:
        kernel = ask(base, "/api/kernels", token, b"{}")["id"]
        assert told_much(base, kernel, token) == "kernel_info_reply"
    finally:
        below = psutil.Process(process.pid).children(recursive=True)
    try:
        assert any("ipykernel_launcher" in one.cmdline() for one in below)
        assert parts.hostname == "127.0.0.1" and len(token) >= 24
        assert not any(token in word for one in below for word in one.cmdline())
        for wrong in ("", "wrong"):
            with pytest.raises(urllib.error.HTTPError) as refused:
                ask(base, "/api/contents", wrong)
            assert refused.value.code == 403
        names = {entry["name"] for entry in ask(base, "/api/contents", token)["content"]}
        assert {"01_first_video.ipynb", "run_pipeline.ipynb"} <= names
        specs = ask(base, "/api/kernelspecs", token)
        assert specs["default"] == "python3"
        listening = {
            place.laddr.ip for place in psutil.Process(shown["pid"]).net_connections("tcp") if place.status == "LISTEN"
        }
        assert listening == {"127.0.0.1"}
        for plugin, name, value in (
            ("@jupyter-widgets/jupyterlab-manager:plugin", "saveState", True),
            ("@jupyterlab/apputils-extension:notification", "fetchNews", "false"),
        ):
            settings = ask(base, f"/lab/api/settings/{quote(plugin, safe='@/:')}", token)
            assert settings["schema"]["properties"][name]["default"] == value
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
    assert process.returncode == 0
    wait_for(lambda: not any(one.is_running() for one in below))


def test_a_crashed_lab_is_reported(deployment: Program) -> None:
    process, shown, *_ = started(deployment)
    os.kill(shown["pid"], signal.SIGKILL)
    told, _ = process.communicate(timeout=120)
    error = json.loads(told)["error"]
    assert (process.returncode, error["code"]) == (1, "stack.part_failed")
    assert error["details"]["where"] == str(deployment.home / "logs" / "lab.log")
    assert error["details"]["seen"] == "exit code -9"


def test_the_token_is_not_in_the_arguments_of_the_browser(tmp_path: Path) -> None:
    file = tmp_path / "run" / "lab-1.html"
    with secret_page('http://127.0.0.1:1/lab?token=a&b="', file) as address:
        assert address == file.as_uri() and "token=" not in address
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert 'url=http://127.0.0.1:1/lab?token=a&amp;b=&quot;"' in file.read_text()
    assert not file.exists()


def test_lab_without_a_folder_is_refused(deployment: Program) -> None:
    ended = deployment.try_("lab", "no-such-folder", "--json")
    assert (ended.code, ended.error["code"]) == (2, "notebook.no_folder")
