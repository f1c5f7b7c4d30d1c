"""Runs commands of the program in forks of one process that has imported it: a start costs 20 ms, not a second.

A fork is a process of its own, with its own arguments, environment, standard streams and exit code, and ends as any
program does. Run as ``python -P tests/cli/warm.py``: a line of JSON asks for a command, a line answers how it ended.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

IMPORTED = (
    "workbench.cli.main",
    "workbench.client.deployment",
    "workbench.client.deployment_settings",
    "workbench.embedded.stack",
)
# command: what it imports besides, before its first fork
MORE = {
    "notebook": ("workbench.notebook.execution.grid", "nbformat"),
    "models": ("workbench.weights.fetch", "workbench.weights.importing", "workbench.terminal.downloads", "httpx"),
}


class Warm:
    """The process, from the side of the tests: one command at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="warm-")

    def run(
        self, arguments: Sequence[str], *, cwd: Path, environment: dict[str, str], given: str, timeout_s: float
    ) -> tuple[int | None, str, str]:
        """Exit code (None where it had to be killed), standard output and standard error of a command."""
        with self._lock:
            folder = Path(self._folder.name)
            (folder / "in").write_text(given)
            asked = {"arguments": list(arguments), "cwd": str(cwd), "environment": environment, "folder": str(folder)}
            server = self._ensure()
            assert server.stdin is not None and server.stdout is not None
            server.stdin.write(json.dumps({**asked, "timeout_s": timeout_s}) + "\n")
            server.stdin.flush()
            answer = server.stdout.readline()
            assert answer, "the process that runs commands ended"
            return json.loads(answer)["code"], (folder / "out").read_text(), (folder / "err").read_text()

    def close(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait(10)
        self._folder.cleanup()

    def _ensure(self) -> subprocess.Popen[str]:
        if self._process is None:
            clean = {name: value for name, value in os.environ.items() if not name.startswith("WORKBENCH_")}
            self._process = subprocess.Popen(
                [sys.executable, "-P", __file__],
                env=clean,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
            atexit.register(self.close)
        return self._process


def serve() -> None:
    """Fork for each command until nobody asks any more. Returns in the fork, which is to run the command."""
    import importlib

    for name in IMPORTED:
        importlib.import_module(name)
    asked, answers = os.fdopen(os.dup(0), "r"), os.fdopen(os.dup(1), "w")
    for line in asked:
        command = json.loads(line)
        for name in MORE.get(command["arguments"][0], ()):
            importlib.import_module(name)
        pid = os.fork()
        if pid == 0:
            _become(command)
            return
        print(json.dumps({"code": _wait(pid, command["timeout_s"])}), file=answers, flush=True)
    os._exit(0)


def _become(command: dict[str, Any]) -> None:
    os.setsid()
    folder = Path(command["folder"])
    for fd, name, mode in ((0, "in", os.O_RDONLY), (1, "out", os.O_WRONLY), (2, "err", os.O_WRONLY)):
        os.dup2(os.open(folder / name, mode | (os.O_CREAT | os.O_TRUNC if fd else 0), 0o600), fd)
    sys.stdin = os.fdopen(0, "r", closefd=False)
    os.environ.clear()
    os.environ.update(command["environment"])
    os.chdir(command["cwd"])
    sys.path[:0] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    sys.argv = ["workbench", *command["arguments"]]


def _wait(pid: int, timeout_s: float) -> int | None:
    until = time.monotonic() + timeout_s
    pause_s = 0.002
    while time.monotonic() < until:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(pause_s)
        pause_s = min(0.05, pause_s * 1.5)
    os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


if __name__ == "__main__":
    serve()
    from workbench.cli.main import main

    main()
