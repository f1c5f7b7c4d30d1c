"""Questions to parts that may hang: however many ask, each part is asked once at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")


class Questions(Generic[T]):
    """A thread for each part, so that one that hangs delays neither the others nor anything else of the process.

    Thread-safe; nothing blocks.

    Args:
        parts: the names there are.
        name: of the threads.
    """

    def __init__(self, parts: Collection[str], name: str) -> None:
        self._threads = ThreadPoolExecutor(len(parts), thread_name_prefix=name)
        self._lock = threading.Lock()
        self._under_way: dict[str, Future[T]] = {}

    def ask(self, part: str, question: Callable[[], T]) -> Future[T]:
        """The answer to come: of a question to the part that is under way, else of this one.

        An answer is never older than the moment of asking by more than the question takes.
        """
        with self._lock:
            known = self._under_way.get(part)
            if known is not None and not known.done():
                return known
            self._under_way[part] = asked = self._threads.submit(question)
            return asked
