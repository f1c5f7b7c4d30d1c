"""Queries to parts that may hang: at most one runs for each part, and all callers share it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")


class SharedQueries(Generic[T]):
    """Has a thread for each part, so that a part that hangs delays neither the others nor the process.

    Thread-safe; no method blocks.

    Args:
        parts: names of the parts.
        name: name of the threads.
    """

    def __init__(self, parts: Collection[str], name: str) -> None:
        self._threads = ThreadPoolExecutor(len(parts), thread_name_prefix=name)
        self._lock = threading.Lock()
        self._running: dict[str, Future[T]] = {}

    def ask(self, part: str, query: Callable[[], T]) -> Future[T]:
        """The future of the part's running query; if there is none, of this one.

        A result is never older than the call by more than the duration of the query.
        """
        with self._lock:
            running = self._running.get(part)
            if running is not None and not running.done():
                return running
            self._running[part] = started = self._threads.submit(query)
            return started
