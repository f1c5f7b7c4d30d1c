"""What every POSIX system offers, by the standard library and psutil."""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
import time

import psutil

PARENT_POLL_S = 0.25
MEMORY_POLL_S = 0.02

Address = tuple[str, int]


class Host:
    """The portable host. Its methods act on the calling process, unless they name another one."""

    def end_with_parent(self, parent: int) -> None:
        """Have this process killed once its parent is gone. It ends at once where the parent is gone already.

        Here a thread looks four times a second. It waits while native code holds the GIL.
        """

        def watch() -> None:
            while os.getppid() == parent:
                time.sleep(PARENT_POLL_S)
            os.kill(os.getpid(), signal.SIGKILL)

        if os.getppid() != parent:
            os._exit(0)
        threading.Thread(target=watch, name="parent", daemon=True).start()

    def signal_with_parent(self, number: signal.Signals) -> None:
        """Ask for a signal at the death of the thread that forked this process; it survives exec.

        Here nothing does that: `workbench.embedded.guard` ends the children of a supervisor that was killed.
        """

    def has_exited(self, pid: int) -> bool:
        """Whether a child has ended, leaving it to be waited for: until then its number is not given away."""
        # os.waitid, which Linux has for this, came to macOS with Python 3.13.
        try:
            return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return True

    def resident_bytes(self) -> int:
        """The memory that this process takes now."""
        return int(psutil.Process().memory_info().rss)

    def peak_bytes(self) -> int:
        """The most memory it took since the last call. Here: since it started, because nothing resets that."""
        # getrusage(2): bytes on macOS, KiB on Linux and the BSDs
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)

    def isolate(self) -> None:
        """Give up the network and the right to gain privileges, where the kernel can. Call it before any thread starts.

        Here nothing is given up.
        """

    def limit_memory(self, limit_bytes: int, exit_status: int) -> None:
        """Bound this process's memory: what exceeds it raises MemoryError, or ends the process with that status.

        Here a thread watches the resident memory and ends the process: macOS refuses a limit of the address space.
        """

        def watch() -> None:
            while self.resident_bytes() <= limit_bytes:
                time.sleep(MEMORY_POLL_S)
            os._exit(exit_status)

        threading.Thread(target=watch, name="memory", daemon=True).start()

    def account_of(self, client: Address, server: Address) -> int | None:
        """The user id that holds the client's end of a TCP connection of this machine.

        None where there is no such connection, where its end was closed, and on a system that does not tell, as here.
        """
        return None
