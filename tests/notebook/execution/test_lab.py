"""`workbench lab`: answers whoever has the token, on loopback, with what is needed for widgets, and ends whole."""

from __future__ import annotations

import json
import signal
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote, urlsplit

import psutil
import pytest

from tests.cli.program import Program
from tests.stack.conditions import wait_for

pytestmark = pytest.mark.stack


def ask(base: str, path: str, token: str) -> Any:
    request = urllib.request.Request(base + path, headers={"Authorization": f"token {token}"} if token else {})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def test_lab_starts_answers_with_the_token_and_ends(bench: Program) -> None:
    process = bench.start("lab", "--no-open", "--json")
    assert process.stdout is not None
    text = ""
    while "}" not in text:  # it prints one JSON document and goes on running
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        text += line
    shown = json.loads(text)
    parts = urlsplit(shown["url"])
    base, token = f"http://{parts.netloc}", parts.query.removeprefix("token=")
    below = psutil.Process(process.pid).children(recursive=True)
    try:
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
        process.communicate(timeout=40)
    assert process.returncode == 0
    wait_for(lambda: not any(one.is_running() for one in below), 20)


def test_lab_without_a_folder_is_refused(bench: Program) -> None:
    ended = bench.try_("lab", "no-such-folder", "--json")
    assert (ended.code, ended.error["code"]) == (2, "notebook.no_folder")
