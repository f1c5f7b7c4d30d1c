"""The supervisor's handle of its executor process."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from nodes.source import stamp_of
from schemas.errors import WorkbenchError
from workbench.engine.messages import (
    VERSION,
    Cancel,
    Channel,
    End,
    FromExecutor,
    GivenUp,
    Message,
    OtherVersion,
    Ready,
    Request,
    to_executor,
)
from workbench.engine.wire import Closed
from workbench.host import python_module, signal_group
from workbench.store.retry import disk_full, no_space

START_TIMEOUT_S = 300.0
LOG_LIMIT_BYTES = 8 * 1024 * 1024
LET_GO_S = 1.0  # time to react to a cancel before the process is killed
EDITED_EVERY_S = 0.5  # interval of the check for edited sources


class ExecutorProcess:
    """An executor process: started on first use, and again after it has died.

    Args:
        name: name of the worker slot, of the log and of the work folder.
        home: directory of this machine's state.
        cache_folder: content-addressed copies of artifacts, shared by all workers of this home.
        environment: settings of external engines, as WORKBENCH_* variables.
        python: interpreter of the engine.
    """

    def __init__(
        self,
        name: str,
        home: Path,
        cache_folder: Path,
        cache_bytes: int,
        environment: dict[str, str],
        python: str = sys.executable,
    ) -> None:
        self.name = name
        self.services: list[dict[str, Any]] = []
        self.models: list[str] = []  # loaded models of its process
        # Source files of its nodes -> stamps of the versions that it read.
        self._sources: dict[str, tuple[int, int] | None] = {}
        self._home = home
        self._cache_folder = cache_folder
        self._cache_bytes = cache_bytes
        self._environment = environment
        self._python = python
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: Channel[FromExecutor] | None = None
        self.log_path = home / "logs" / f"executor-{name}.log"
        self._log_from = 0
        self._check_at = 0.0  # monotonic time of the next check for edited sources

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def ensure(self) -> None:
        """Start the process if none runs, and wait until it is ready.

        Blocks for seconds. Raises WorkbenchError (node.crashed, home.disk_full, home.not_writable).
        """
        if self.alive:
            return
        self.stop()
        try:
            workdir = self._prepare()
            log = self.log_path.open("ab")
        except OSError as fault:
            raise _not_written(fault, self._home) from fault
        ours, theirs = socket.socketpair()
        arguments = [
            str(theirs.fileno()),
            str(os.getpid()),
            str(self._cache_folder),
            str(self._cache_bytes),
            str(workdir),
        ]
        with theirs, log:
            self._process = subprocess.Popen(
                python_module("workbench.engine.executor", *arguments, python=self._python),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONUNBUFFERED": "1", "OMP_WAIT_POLICY": "PASSIVE", **self._environment},
                start_new_session=True,  # the supervisor handles Ctrl-C on the terminal
            )
        self._channel = to_executor(ours)
        self.mark_log()
        try:
            ready = self._channel.receive_first(START_TIMEOUT_S)
        except OtherVersion as other:
            self.stop()
            self.services = []
            raise WorkbenchError(
                "worker.other_version",
                f"the executor has another version of the workbench: {other}",
                where=self._python,
                seen=other.version,
                allowed=VERSION,
                remedy="Install the supervisor's version of the workbench for that interpreter.",
            ) from other
        except Closed:
            ready = None
        if not isinstance(ready, Ready):
            tail = self.log_tail()
            self.stop()
            self.services = []  # the worker announces it, and waiting jobs show it
            raise WorkbenchError(
                "node.crashed",
                "the executor process did not start",
                where=str(self.log_path),
                seen=tail[-1500:],
                remedy="Correct the node file named in the log; `workbench nodes` shows the same error.",
            )
        self.services = ready.services
        self.models = []
        self._sources = ready.sources

    def outdated(self) -> bool:
        """Whether a source file of its nodes changed after its process read it. Checks at most twice a second."""
        now = time.monotonic()
        if not self.alive or now < self._check_at:
            return False
        self._check_at = now + EDITED_EVERY_S
        return any(stamp_of(path) != stamp for path, stamp in self._sources.items())

    def check_sources_soon(self) -> None:
        """Let the next ``outdated`` check, because the executor reported an edited source."""
        self._check_at = 0.0

    def send(self, message: Message) -> None:
        """Raises Closed."""
        if self._channel is None:
            raise Closed("no process")
        self._channel.send(message)

    def receive(self, timeout_s: float) -> FromExecutor | None:
        """Raises Closed if the process has ended."""
        if self._channel is None:
            raise Closed("no process")
        return self._channel.receive(timeout_s)

    def give_up(self, request: Request) -> None:
        """Tell an executor that waits for a response that the segment is lost; otherwise it would have to be killed."""
        if request.id:
            with contextlib.suppress(Closed):  # the next receive reports it
                self.send(GivenUp(request.id))

    def cancel_run(self, run: int) -> bool:
        """Cancel a run; kill the process if it does not react within a second. Returns whether it reacted."""
        if not self.alive:
            return False
        deadline = time.monotonic() + LET_GO_S
        try:
            self.send(Cancel(run))
            while time.monotonic() < deadline:
                message = self.receive(0.1)
                if isinstance(message, End) and message.run == run:
                    return True
                if isinstance(message, Request):
                    self.give_up(message)
        except Closed:
            return False
        self.stop()
        return False

    def stop(self) -> None:
        """Kill the process, if it runs, with its session, because a node may have started child processes."""
        if self._process is not None:
            if self._process.poll() is None:
                signal_group(self._process.pid, signal.SIGKILL)
            self._process.wait()
        if self._channel is not None:
            self._channel.close()
        self._process, self._channel = None, None

    def describe_death(self) -> str:
        """A description of how the process ended."""
        if self._process is None:
            return "it was not running"
        deadline = time.monotonic() + 2.0
        while self._process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)  # the socket closes a moment before the process can be reaped
        code = self._process.poll()
        if code is None:
            return "it closed its connection"
        if code < 0:
            name = signal.Signals(-code).name
            hint = " (perhaps out of memory)" if -code == signal.SIGKILL else ""
            return f"killed by {name}{hint}"
        return f"exit status {code}"

    def mark_log(self) -> None:
        """Set the start of ``log_tail`` to the current end of the log."""
        self._log_from = self.log_path.stat().st_size if self.log_path.exists() else 0

    def log_tail(self, limit: int = 6000) -> str:
        if not self.log_path.exists():
            return ""
        with self.log_path.open("rb") as file:
            file.seek(max(self._log_from, self.log_path.stat().st_size - limit))
            return file.read(limit).decode(errors="replace")

    def _prepare(self) -> Path:
        """Create the folders and return the work folder. Raises OSError."""
        workdir = self._home / "work" / self.name
        for folder in (workdir, self.log_path.parent, self._cache_folder):
            folder.mkdir(parents=True, exist_ok=True)
        (workdir / "pid").write_text(str(os.getpid()))  # a later worker removes the folders of dead processes
        if self.log_path.exists() and self.log_path.stat().st_size > LOG_LIMIT_BYTES:
            self.log_path.replace(self.log_path.with_suffix(".log.1"))
        return workdir


def _not_written(fault: OSError, home: Path) -> WorkbenchError:
    if no_space(fault):
        return disk_full(fault, fault.filename or home)
    return WorkbenchError(
        "home.not_writable",
        "the executor's folders cannot be written",
        where=str(fault.filename or home),
        seen=fault.strerror,
        remedy="Check the owner and mode of that folder, or WORKBENCH_HOME.",
    )
