"""Iterates in a thread, some items ahead of whoever takes them. PyAV, OpenCV and torch release the GIL."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class _End:
    error: BaseException | None


class Ahead(Generic[T]):
    """The items of an iterator in their order, made in a thread. A context manager; leaving it ends the thread.

    An error of the iterator is raised after the items before it.

    Args:
        most: items that may wait.
    """

    def __init__(self, source: Iterator[T], most: int) -> None:
        self._source = source
        self._items: queue.Queue[T | _End] = queue.Queue(most)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="frames-ahead", daemon=True)

    def __enter__(self) -> Ahead[T]:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._thread.join()

    def __iter__(self) -> Iterator[T]:
        while not isinstance(item := self._items.get(), _End):
            yield item
        if item.error is not None:
            raise item.error

    def _work(self) -> None:
        error: BaseException | None = None
        try:
            for item in self._source:
                if not self._put(item):
                    break
        except BaseException as raised:
            error = raised
        finally:
            close = getattr(self._source, "close", None)
            if close is not None:  # a generator ends where its file was opened
                close()
            self._put(_End(error))

    def _put(self, item: T | _End) -> bool:
        while not self._closing.is_set():
            try:
                self._items.put(item, timeout=0.05)
            except queue.Full:
                continue
            return True
        return False
