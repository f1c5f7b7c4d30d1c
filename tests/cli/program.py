"""The program ``workbench`` in a home of its own, as a person types it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cli.warm import Warm
from tests.faults.proxy import Proxy
from tests.stack.conditions import processes_of
from workbench.embedded.tracking_socket import socket_path
from workbench.unix_url import unix_url

ROOT = Path(__file__).parents[2]
WARM = Warm()
COLD = ("up", "down", "lab", "notebook")


@dataclass(frozen=True)
class Ended:
    """What a command left behind."""

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
    """Commands in one home."""

    def __init__(self, home: Path, **more: str) -> None:
        self.home = home
        clean = {name: value for name, value in os.environ.items() if not name.startswith("WORKBENCH_")}
        self.environment = {**clean, "WORKBENCH_HOME": str(home), **more}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command and do not wait for it."""
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "workbench.cli.main", *arguments],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def try_(self, *arguments: str, given: str = "", timeout_s: float = 150) -> Ended:
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

    def run(self, *arguments: str, given: str = "", timeout_s: float = 150) -> str:
        """Standard output of a command that must succeed."""
        ended = self.try_(*arguments, given=given, timeout_s=timeout_s)
        assert ended.code == 0, f"{arguments}: exit code {ended.code}\n{ended.out}\n{ended.err}"
        return ended.out

    def json(self, *arguments: str, given: str = "", timeout_s: float = 150) -> Any:
        """What a command that must succeed prints with --json."""
        return json.loads(self.run(*arguments, "--json", given=given, timeout_s=timeout_s))

    def jobs(self) -> int:
        """How many jobs this home has ever accepted."""
        return int(self.json("job", "list", "--limit", "1")["total"])


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
