"""Runs JupyterLab on a folder of notebooks: this environment's kernel, a token, loopback, no external resources."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import WorkbenchError
from workbench.embedded.guard import Guard
from workbench.embedded.process import last_lines, spawn
from workbench.host import python_module
from workbench.notebook.execution_context import kernel_environment
from workbench.notebook.packages import need
from workbench.settings import Settings

HOST = "127.0.0.1"
START_S, END_S = 300.0, 15.0
# JupyterLab reads all folders in JUPYTER_CONFIG_PATH. Widgets are saved with their notebook, and no news are fetched.
CONFIG = Path(__file__).parent / "config"


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab.

    Attributes:
        url: its URL with the token; anyone who has it can run code as this user.
    """

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def await_end(self) -> None:
        """Block until it ends by itself. Raises WorkbenchError (stack.part_failed) if it fails."""
        if code := self.process.wait():
            raise _failed("JupyterLab has stopped unexpectedly", f"exit code {code}", self.log)


def check_installed() -> None:
    """Raises WorkbenchError (stack.missing_package)."""
    need("JupyterLab", ["jupyterlab", "ipykernel"])


@contextmanager
def running_lab(settings: Settings, folder: Path, *, port: int = 0, token: str = "") -> Iterator[Lab]:
    """Run JupyterLab until the end of the block. Its kernels end with it; jobs continue. Call it from the main thread.

    Args:
        folder: the folder to show.
        port: its port; 0 for a free one.
        token: its token; default: a new one.

    Raises WorkbenchError: stack.missing_package, notebook.no_folder, stack.port_taken, stack.part_failed.
    """
    check_installed()
    if not folder.is_dir():
        raise WorkbenchError(
            "notebook.no_folder",
            "the folder does not exist",
            where=str(folder),
            seen="nothing" if not folder.exists() else "a file",
            remedy="Name the folder of your notebooks: `workbench lab FOLDER`.",
        )
    port = _free_port(port)
    token = token or secrets.token_urlsafe(24)
    log = settings.home / "logs" / "lab.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    process = spawn(_command(folder, port), env=_environment(settings, token), cwd=folder, log=log)
    lab = Lab(f"http://{HOST}:{port}/lab?token={token}", process, log)
    guard = Guard(settings.home)  # ends it and its kernels if this process is killed
    guard.watch(process.pid)
    try:
        _await(f"http://{HOST}:{port}/api/status", token, lab)
        yield lab
    finally:
        _end(process)
        guard.forget(process.pid)
        guard.close()


def _command(folder: Path, port: int) -> list[str]:
    return [
        *python_module("jupyterlab", "--no-browser"),
        f"--ServerApp.ip={HOST}",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={folder}",
        "--ServerApp.allow_root=True",  # a container may have no other user
        "--LabApp.extension_manager=readonly",
    ]


def _environment(settings: Settings, token: str) -> dict[str, str]:
    paths = [str(CONFIG), *filter(None, [os.environ.get("JUPYTER_CONFIG_PATH", "")])]
    return {
        **kernel_environment(settings.home),
        "JUPYTER_TOKEN": token,  # not an argument, because all users of the machine can read those
        "JUPYTER_CONFIG_PATH": os.pathsep.join(paths),
    }


def _free_port(wanted: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted))
        except OSError as error:
            raise WorkbenchError(
                "stack.port_taken",
                f"port {wanted} is in use",
                where="--port",
                seen=error.strerror,
                remedy="Choose another port, or omit it.",
            ) from None
        return int(probe.getsockname()[1])


def _await(url: str, token: str, lab: Lab) -> None:
    asked = urllib.request.Request(url, headers={"Authorization": f"token {token}"})
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy must not see the token
    until = time.monotonic() + START_S
    while time.monotonic() < until and lab.process.poll() is None:
        try:
            with direct.open(asked, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    code = lab.process.returncode
    raise _failed(
        "JupyterLab did not start",
        f"exit code {code}" if code is not None else f"no response within {START_S:g} s",
        lab.log,
    )


def _failed(what: str, seen: str, log: Path) -> WorkbenchError:
    return WorkbenchError(
        "stack.part_failed",
        what,
        where=str(log),
        seen=seen,
        remedy="Its last lines are below.",
        log=last_lines(log),
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()  # it ends its kernels first
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
