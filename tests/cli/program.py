"""The command ``workbench`` with its own home, used as a person would use it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.cli.warm import Warm
from tests.consent import STATED
from tests.faults.proxy import Proxy
from tests.kept import KEPT
from tests.stack.conditions import processes_of
from workbench.client.deployment import Deployment
from workbench.embedded.tracking_socket import socket_path
from workbench.settings import load_settings
from workbench.unix_url import unix_url

ROOT = Path(__file__).parents[2]
WARM = Warm()
COLD = ("up", "down", "lab")


@dataclass(frozen=True)
class Ended:
    """The exit code and output of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        """The error of a command with --json; nothing else may be printed."""
        answer = self.json
        assert set(answer) == {"error"}, answer
        return dict(answer["error"])


class Program:
    """Commands in one home.

    Attributes:
        started: the commands that tests started and did not wait for, in any home.
        shared: whether its stack serves other tests too.
    """

    started: ClassVar[list[subprocess.Popen[str]]] = []

    def __init__(self, home: Path, **more: str) -> None:
        self.home = home
        self.shared = False
        clean = {name: value for name, value in os.environ.items() if not name.startswith("WORKBENCH_")}
        self.environment = {**clean, **STATED, "WORKBENCH_HOME": str(home), **more}

    @cached_property
    def client(self) -> Deployment:
        """The same deployment from this process."""
        return Deployment(load_settings(home=self.home))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command and do not wait for it."""
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "workbench.cli.main", *arguments],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    @classmethod
    def end_started(cls) -> None:
        """End the processes that a failed test left running."""
        for process in cls.started:
            if process.poll() is None:
                process.terminate()  # JupyterLab ends its kernels
                try:
                    process.communicate(timeout=60)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.communicate()
        cls.started.clear()

    def try_(self, *arguments: str, given: str = "", timeout_s: float = 400) -> Ended:
        """Run a command to its end. Those that leave processes behind begin as a person begins them, not as a fork."""
        if arguments[0] not in COLD:
            code, out, err = WARM.run(
                arguments, cwd=ROOT, environment=self.environment, given=given, timeout_s=timeout_s
            )
            assert code is not None, f"{arguments} did not end within {timeout_s} s\n{out}\n{err}"
            return Ended(code, out, err)
        process = self.start(*arguments)
        try:
            out, err = process.communicate(given, timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"{arguments} did not end within {timeout_s} s\n{out}\n{err}") from None
        return Ended(process.returncode, out, err)

    def run(self, *arguments: str, given: str = "", timeout_s: float = 400) -> str:
        """Standard output of a command that must succeed."""
        ended = self.try_(*arguments, given=given, timeout_s=timeout_s)
        assert ended.code == 0, f"{arguments}: exit code {ended.code}\n{ended.out}\n{ended.err}"
        return ended.out

    def json(self, *arguments: str, given: str = "", timeout_s: float = 400) -> Any:
        """The JSON output of a command that must succeed."""
        return json.loads(self.run(*arguments, "--json", given=given, timeout_s=timeout_s))

    def jobs(self) -> int:
        """The number of jobs that this home has ever accepted."""
        return int(self.json("job", "list", "--limit", "1")["total"])


def shared_program(factory: pytest.TempPathFactory) -> Program:
    """The program on a stack with all its parts but the page, which tests of the command line and of executed notebooks
    share; its nodes include the probes."""
    more = {"WORKBENCH_NODE_MODULES": "tests.engine.probe_nodes", "PYTHONPATH": str(ROOT)}
    program = KEPT.get("program", lambda: stack_without_app(factory.mktemp("program") / "home", **more))
    program.shared = True
    return program


@contextmanager
def stack_without_app(home: Path, **more: str) -> Iterator[Program]:
    """A real stack with all its parts but the page. In place of the app a port leads to MLflow, so that runs have
    addresses and the plain client reaches them."""
    parts = ("bus", "objects", "sql", "mlflow", "control", "worker")
    home.mkdir(mode=0o700, parents=True)
    with Proxy(unix_url(socket_path(home))) as door, stack(home, *parts, WORKBENCH_APP_URL=door.url, **more) as program:
        yield program


@contextmanager
def stack(home: Path, *only: str, **more: str) -> Iterator[Program]:
    """A real stack in that home. Afterwards nothing of it may be left.

    Args:
        only: its parts; all of them where none is named.
        more: environment variables of all its processes.
    """
    program = Program(home, **more)
    program.run("up", "--detach", *(["--only", ",".join(only)] if only else []))
    try:
        yield program
    finally:
        program.run("down")
        assert processes_of(home) == []
