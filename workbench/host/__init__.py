"""The differences between operating systems, in one place.

`Host` works on any POSIX system; `LinuxHost` overrides the parts for which Linux has a better way. `this_host` returns
the host of this process. ``WORKBENCH_PORTABLE=1`` selects `Host` on Linux too, so that it can be tested there.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import sys
from functools import cache
from typing import IO

from workbench.host.portable import Host

PORTABLE = "WORKBENCH_PORTABLE"

__all__ = ["PORTABLE", "Host", "lock", "python_module", "signal_group", "this_host"]


@cache
def this_host() -> Host:
    """The host of this process. Call it before a fork whose child uses it."""
    if sys.platform != "linux" or os.environ.get(PORTABLE) == "1":
        return Host()
    from workbench.host.linux import LinuxHost

    return LinuxHost()


def python_module(module: str, *arguments: str, python: str = sys.executable) -> list[str]:
    """The command that runs a module in a separate Python process.

    ``-P`` excludes the current folder from the search path. Users start the workbench in folders with their own
    ``nodes.py`` or ``schemas/``, and the child would import those instead of ours.
    """
    return [python, "-P", "-m", module, *arguments]


def signal_group(group: int, number: signal.Signals) -> None:
    """Send a signal to a process group, if any process of it still exists."""
    # macOS raises PermissionError for a group that contains only zombies.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def lock(file: IO[bytes] | IO[str] | int, *, shared: bool = False, wait: bool = True) -> bool:
    """Lock an open file between processes. Returns whether it is locked. The kernel releases it with the process.

    Args:
        shared: other processes may hold it too if all of them share it.
        wait: block until it is free. If False and another process holds the lock, the result is False.
    """
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True
