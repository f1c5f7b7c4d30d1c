"""Where a thread that reads ahead waits until all that it has read is finished."""

from __future__ import annotations

import threading
from types import TracebackType


class Gate:
    """Opened once for each wait. A context manager; leaving it releases the thread for good.

    A node whose input comes in parts may be left when it requests the next one, and then keeps only what is finished.
    So the thread that reads ahead passes no such point on its own.
    """

    def __init__(self) -> None:
        self._permits = threading.Semaphore(0)
        self._closed = False

    def __enter__(self) -> Gate:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True
        self._permits.release()

    def open(self) -> None:
        self._permits.release()

    def wait(self) -> bool:
        """Blocks until it is opened. False if it was left instead."""
        self._permits.acquire()
        return not self._closed
