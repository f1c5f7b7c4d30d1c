"""Unix signals that a loop can wait for, without handlers that interrupt other work."""

from __future__ import annotations

import select
import signal
import socket


class Signals:
    """SIGTERM, SIGINT and SIGHUP request a stop; SIGCHLD only wakes. Main thread only."""

    def __init__(self) -> None:
        self._asked = 0
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._old_wakeup = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        self._old = {
            number: signal.signal(number, self._count if number != signal.SIGCHLD else lambda *_: None)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN  # under nohup it stays ignored
        }

    @property
    def stop_asked(self) -> bool:
        return self._asked > 0

    def hurry(self) -> bool:
        """Whether a stop was requested twice: a second Ctrl-C kills at once."""
        return self._asked > 1

    def wait(self, timeout_s: float) -> None:
        """Block until a signal arrives or the timeout expires."""
        if select.select([self._reader], [], [], timeout_s)[0]:
            self._reader.recv(4096)

    def close(self) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._old_wakeup)
        self._reader.close()
        self._writer.close()

    def _count(self, number: int, frame: object) -> None:
        self._asked += 1
