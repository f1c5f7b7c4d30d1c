"""Ends the processes of the supervisor if the supervisor is killed.

PDEATHSIG reaches its direct children only; `mlflow server` and our own roles have children themselves. This small
process, in a session of its own, reads ``+<group>`` and ``-<group>`` lines from a pipe that only the supervisor holds:
at its end, however that came, the groups still listed get SIGTERM and five seconds later SIGKILL.

It runs as a plain script with the standard library alone: 8 MB.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

GRACE_S = 5.0


class Guard:
    """The supervisor's end of the pipe. The home is an argument so that it is visible in the process list."""

    def __init__(self, home: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(__file__)), str(home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )

    def watch(self, group: int) -> None:
        self._tell(f"+{group}\n")

    def forget(self, group: int) -> None:
        self._tell(f"-{group}\n")

    def close(self) -> None:
        """Let the guard end, which it does at once if its list has no groups left."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        # Broken if the guard was killed; PDEATHSIG and the recovery at the next start still end the processes.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()


def tell(groups: set[int], number: int) -> set[int]:
    """Send each group a signal; returns those that got it. macOS refuses one that holds only zombies."""
    told = set()
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)
            told.add(group)
    return told


def alive(groups: set[int]) -> set[int]:
    return tell(groups, 0)


def watch_pipe() -> None:
    groups: set[int] = set()
    for line in sys.stdin:
        number = int(line[1:])
        if line[0] == "+":
            groups.add(number)
        else:
            groups.discard(number)
    tell(groups, signal.SIGTERM)
    until = time.monotonic() + GRACE_S
    while alive(groups) and time.monotonic() < until:
        time.sleep(0.05)
    tell(groups, signal.SIGKILL)


if __name__ == "__main__":
    watch_pipe()
