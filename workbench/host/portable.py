"""The parts that work on every POSIX system, with the standard library and psutil."""

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
    """The portable host. Its methods act on the calling process, unless they name another process."""

    def end_with_parent(self, parent: int) -> None:
        """Kill this process when its parent ends. If the parent has already ended, the process ends at once.

        The portable version uses a thread that checks four times a second. It waits while native code holds the GIL.
        """

        def watch() -> None:
            while os.getppid() == parent:
                time.sleep(PARENT_POLL_S)
            os.kill(os.getpid(), signal.SIGKILL)

        if os.getppid() != parent:
            os._exit(0)
        threading.Thread(target=watch, name="parent", daemon=True).start()

    def signal_with_parent(self, number: signal.Signals) -> None:
        """Request a signal when the thread that forked this process ends. The request survives exec.

        The portable version does nothing: `workbench.embedded.guard` ends the children of a killed supervisor.
        """

    def has_exited(self, pid: int) -> bool:
        """Whether a child has ended. It is not reaped, so that its pid is not reused."""
        # os.waitid, which the Linux version uses, came to macOS with Python 3.13.
        try:
            return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return True

    def resident_bytes(self) -> int:
        """The current memory use of this process."""
        return int(psutil.Process().memory_info().rss)

    def peak_bytes(self) -> int:
        """The peak memory since the last call. The portable version returns the peak since the start of the process."""
        # getrusage(2): bytes on macOS, KiB on Linux and the BSDs
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)

    def isolate(self) -> None:
        """Drop the network and the right to gain privileges, if the kernel can. Call it before any thread starts.

        The portable version does nothing.
        """

    def limit_memory(self, limit_bytes: int, exit_status: int) -> None:
        """Limit this process's memory: above the limit, it gets a MemoryError or ends with that exit status.

        The portable version uses a thread that watches the resident memory, because macOS refuses a limit of the
        address space.
        """

        def watch() -> None:
            while self.resident_bytes() <= limit_bytes:
                time.sleep(MEMORY_POLL_S)
            os._exit(exit_status)

        threading.Thread(target=watch, name="memory", daemon=True).start()

    def account_of(self, client: Address, server: Address) -> int | None:
        """The user id that owns the client's end of a TCP connection on this machine.

        None if the connection does not exist, if its end was closed, and on systems without such a query, as here.
        """
        return None
