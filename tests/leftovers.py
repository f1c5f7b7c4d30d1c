"""Ends what a run of tests or a benchmark left running, however the run ended: also if it was killed.

The run marks its environment, which every process below it inherits, also a stack in the background. A small process in
a session of its own, without the mark, waits for the end of the run and then ends every process that has the mark.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from functools import cache

import psutil

MARK = "STARTED_BY_RUN"
GRACE_S = 10.0  # a supervisor ends its parts in order
QUIET_S = 1.0  # a process that was starting may start others


@cache
def leave_nothing_running() -> None:
    """From now on, what this process starts ends with it at the latest."""
    clean = dict(os.environ)
    clean.pop(MARK, None)  # of a run that started this one
    mark = uuid.uuid4().hex
    watcher = subprocess.Popen(
        [sys.executable, "-P", __file__, mark], env=clean, stdin=subprocess.PIPE, start_new_session=True, cwd="/"
    )
    os.environ[MARK] = mark
    _watchers.append(watcher)  # holds the pipe, whose end is the end of this process


_watchers: list[subprocess.Popen[bytes]] = []


def marked(mark: str) -> list[psutil.Process]:
    """The running processes that the run with this mark started."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:  # ended meanwhile, or another user's
            continue
    return found


def end_marked(mark: str) -> None:
    """End them: by SIGTERM, and what remains ten seconds later by SIGKILL."""
    kill_at = time.monotonic() + GRACE_S
    told: set[psutil.Process] = set()
    quiet_since = time.monotonic()
    while time.monotonic() < quiet_since + QUIET_S:
        for process in marked(mark):
            quiet_since = time.monotonic()
            try:
                if time.monotonic() > kill_at:
                    process.kill()
                elif process not in told:
                    told.add(process)
                    process.terminate()
            except psutil.NoSuchProcess:
                continue
        time.sleep(0.1)


if __name__ == "__main__":
    sys.stdin.read()  # until the run has ended
    end_marked(sys.argv[1])
