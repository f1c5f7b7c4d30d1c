"""Child processes that never outlive the stack: they have their own process group, receive a signal if the supervisor
dies, and are ended as a group."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil
from pydantic import Field

from schemas.base import Contract
from workbench.host import signal_group, this_host

LOG_LIMIT_BYTES = 5 * 1024 * 1024


class ProcessId(Contract):
    """The identity of a process, distinct from a later process with the same number."""

    pid: int
    started: float = Field(description="Seconds since the epoch, as the kernel counts them.")
    argv: list[str]

    @classmethod
    def of(cls, pid: int) -> ProcessId | None:
        """The process with this number, or None if it has ended."""
        try:
            process = psutil.Process(pid)
            # Popen may return before exec has finished; until then, the kernel shows no command line.
            until = time.monotonic() + 1.0
            while not (argv := process.cmdline()) and time.monotonic() < until:
                time.sleep(0.001)
            return cls(pid=pid, started=process.create_time(), argv=argv)
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            return None

    def alive(self) -> bool:
        """Whether it is running: same number, command and (within a tolerance for clock changes) start time."""
        try:
            process = psutil.Process(self.pid)
            if process.status() == psutil.STATUS_ZOMBIE or process.cmdline() != self.argv:
                return False
            return bool(abs(process.create_time() - self.started) < 2.0)
        except (psutil.NoSuchProcess, psutil.AccessDenied):  # gone, or a number that now is another user's
            return False


def spawn(
    argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path, umask: int = -1
) -> subprocess.Popen[bytes]:
    """Start a child in a process group of its own, its output appended to ``log``. Call it from the main thread:
    Linux counts the death of the spawning *thread* as the death of the parent.
    """
    rotate(log)
    supervisor, host = os.getpid(), this_host()

    def between_fork_and_exec() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background commands inherit it ignored
        host.signal_with_parent(signal.SIGTERM)
        if os.getppid() != supervisor:  # it died before it was asked for
            os._exit(1)

    with log.open("ab") as output:
        return subprocess.Popen(
            list(argv),
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            process_group=0,
            umask=umask,
            preexec_fn=between_fork_and_exec,  # the supervisor has one thread, so no lock can be held here
        )


def rotate(log: Path) -> None:
    """Rename a log that exceeds the limit to ``<name>.1``."""
    if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
        log.replace(log.with_name(log.name + ".1"))


def last_lines(log: Path, count: int = 12) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 16_384))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-count:])
    except OSError:
        return ""


def has_exited(process: subprocess.Popen[bytes]) -> bool:
    """Whether the child has ended, without reaping it, so that its group number cannot be reused yet."""
    return process.returncode is not None or this_host().has_exited(process.pid)


def reap(process: subprocess.Popen[bytes]) -> int:
    """Kill the remaining processes in the group of a child that has exited, and return the child's return code."""
    signal_group(process.pid, signal.SIGKILL)
    return process.wait()


def end(process: subprocess.Popen[bytes], timeout_s: float, hurry: Callable[[], bool] = lambda: False) -> int:
    """Send TERM to the group, and KILL after ``timeout_s`` or when ``hurry`` is true. Returns the return code."""
    signal_group(process.pid, signal.SIGTERM)
    until = time.monotonic() + timeout_s
    while not has_exited(process) and time.monotonic() < until and not hurry():
        time.sleep(0.02)
    return reap(process)


def end_leftover(left: ProcessId, timeout_s: float = 5.0) -> bool:
    """End the group of a child of an earlier supervisor. Returns False if no process of it exists.

    The leader is identified by number, start time and command. If it has ended, members of its group are identified by
    the group number, which the kernel does not reuse while they live, and by a later start time.
    """
    members = [left.pid] if left.alive() else _stragglers(left)
    if not members:
        return False
    signal_group(left.pid, signal.SIGTERM)
    until = time.monotonic() + timeout_s
    while _stragglers(left) and time.monotonic() < until:
        time.sleep(0.05)
    if _stragglers(left):
        signal_group(left.pid, signal.SIGKILL)
    return True


def _stragglers(left: ProcessId) -> list[int]:
    found = []
    for process in psutil.process_iter(["create_time", "status"]):
        if process.info["status"] == psutil.STATUS_ZOMBIE or (process.info["create_time"] or 0) < left.started - 2.0:
            continue
        try:
            if os.getpgid(process.pid) == left.pid:
                found.append(process.pid)
        except (ProcessLookupError, PermissionError):
            continue
    return found


def exit_words(code: int) -> str:
    """``exit code 1`` or ``signal 9 (SIGKILL)``."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {-code} ({signal.Signals(-code).name})"
    except ValueError:
        return f"signal {-code}"
