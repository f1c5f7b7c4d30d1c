"""How a slot is told to end: first it drains, then it stops."""

from __future__ import annotations

import threading


class Shutdown:
    """Set by the worker, read by its slot.

    Draining: take nothing more, finish the node that runs. Stopping: hand back at once.
    """

    def __init__(self) -> None:
        self._draining = threading.Event()
        self._stopping = threading.Event()

    def drain(self) -> None:
        self._draining.set()

    def stop(self) -> None:
        self._draining.set()
        self._stopping.set()

    @property
    def draining(self) -> bool:
        return self._draining.is_set()

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait, or end at once where the slot stops; returns whether it does."""
        return self._stopping.wait(seconds)
