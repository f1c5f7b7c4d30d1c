"""What differs between operating systems, in one place.

`Host` works on any POSIX system; `LinuxHost` overrides what the Linux kernel does better. `this_host` is the one of
this process. ``WORKBENCH_PORTABLE=1`` selects `Host` on Linux as well: that is how it is tested where only Linux is.
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
    """The command that runs a module in a Python process of its own.

    ``-P`` keeps the current folder out of its search path. People start the workbench in folders that hold a
    ``nodes.py`` or a ``schemas/`` of their own, and the child would import those in place of ours.
    """
    return [python, "-P", "-m", module, *arguments]


def signal_group(group: int, number: signal.Signals) -> None:
    """Send a signal to a process group, where any process of it is left."""
    # macOS answers PermissionError for a group that holds only zombies.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def lock(file: IO[bytes] | IO[str] | int, *, shared: bool = False, wait: bool = True) -> bool:
    """Lock an open file among processes; returns whether it is locked. The kernel frees it with the process.

    Args:
        shared: others may hold it too, as long as all share it.
        wait: block until it is free. Where it is False and another process holds the lock, the answer is False.
    """
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True
