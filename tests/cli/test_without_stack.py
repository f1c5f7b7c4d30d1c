"""Without a running stack: read-only commands start nothing, a job starts one, a killed one counts as stopped."""

from __future__ import annotations

import json
import os
import signal
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from schemas.stack import StackStatus
from tests.cli.graphs import document, script
from tests.cli.program import Program
from tests.stack.conditions import processes_of, wait_for

LOOKING = [
    ("job", "list"),
    ("job", "show", "20260101-000000-abcdef"),
    ("job", "watch", "20260101-000000-abcdef"),
    ("job", "cancel", "20260101-000000-abcdef"),
    ("job", "artifacts", "20260101-000000-abcdef"),
    ("capabilities",),
    ("open",),
]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path / "home")


@pytest.mark.parametrize("arguments", LOOKING, ids=lambda arguments: " ".join(arguments[:2]))
def test_read_only_commands_start_nothing(program: Program, arguments: tuple[str, ...]) -> None:
    ended = program.try_(*arguments, "--json")
    assert ended.code == 3
    assert ended.error["code"] == "stack.not_running"
    assert ended.error["details"]["where"] == str(program.home)
    assert "workbench up" in ended.error["details"]["remedy"]
    assert processes_of(program.home) == []


def test_mlflow_env_fails_without_a_stack(program: Program) -> None:
    ended = program.try_("mlflow", "env", "--json")
    assert (ended.code, ended.error["code"]) == (3, "tracking.off")
    program.environment["WORKBENCH_MLFLOW_URL"] = "http+unix://%2Fsomewhere%2Fm.sock/mlflow"
    ended = program.try_("mlflow", "env", "--json")
    assert (ended.code, ended.error["code"]) == (3, "stack.not_running")
    assert "no app serves it" in ended.error["message"]
    program.environment |= {"WORKBENCH_APP_URL": "http://127.0.0.1:9", "WORKBENCH_APP_TOKEN": "t" * 16}
    printed = program.run("mlflow", "env").splitlines()
    assert printed[:2] == [
        "export MLFLOW_TRACKING_URI=http://127.0.0.1:9/mlflow",
        f"export MLFLOW_TRACKING_TOKEN={'t' * 16}",
    ]
    assert printed[2].startswith("# The app, which serves MLflow, does not respond now")


def test_an_invalid_request_starts_nothing(program: Program) -> None:
    ended = program.try_("submit", "-", "--json", given="{}")
    assert (ended.code, ended.error["code"]) == (2, "graph.schema")
    ended = program.try_("run", "talking_head", "--set", "sway", "--json")
    assert (ended.code, ended.error["code"]) == (2, "pipeline.bad_option")
    assert processes_of(program.home) == []


def test_status_exits_with_3_and_lists_every_server(program: Program) -> None:
    ended = program.try_("status", "--json")
    assert ended.code == 3
    assert not StackStatus.model_validate(ended.json).running


def test_every_command_takes_the_home_and_the_program_its_version(program: Program, tmp_path: Path) -> None:
    other = tmp_path / "other"
    for arguments in (["job", "list", "--home", str(other)], ["--home", str(other), "job", "list"]):
        ended = program.try_(*arguments, "--json")
        assert ended.error["details"]["where"] == str(other)
    assert program.run("--version").strip() == f"workbench {metadata.version('talking-head-workbench')}"
    assert "--home" in program.run("run", "talking_head", "--help")


def test_lists_that_need_no_stack_work_without_one(program: Program) -> None:
    assert "talking_head" in program.run("pipelines")
    assert "generate.remux" in program.run("nodes")
    shown = program.json("nodes", "generate.label")
    assert shown["inputs"]["properties"]["video"]["inParts"] and shown["outputs"]["properties"]["video"]["inParts"]
    assert program.run("nodes", "generate.label").count("VideoRef, in parts") == 2
    assert processes_of(program.home) == []


@pytest.mark.stack
@pytest.mark.slow
def test_a_job_starts_a_stack_even_after_the_last_one_was_killed(program: Program) -> None:
    def finished() -> dict[str, Any]:
        """A job that was submitted, watched to its end, and not waited for in MLflow, which takes longer to start."""
        job = program.json("submit", "-", given=json.dumps(document(script())))["jobId"]
        program.run("job", "watch", job, "--json")
        shown: dict[str, Any] = wait_for(lambda: (it := program.json("job", "show", job))["status"] != "running" and it)
        return shown

    try:
        first = finished()
        assert (first["status"], first["nodes"][0]["cached"]) == ("completed", False)
        os.kill(program.json("status")["pid"], signal.SIGKILL)
        wait_for(lambda: processes_of(program.home) == [])
        assert program.try_("job", "list", "--json").error["code"] == "stack.not_running"
        again = finished()
        assert (again["status"], again["nodes"][0]["cached"]) == ("completed", True)
        assert program.jobs() == 2
    finally:
        program.run("down")
    assert processes_of(program.home) == []
