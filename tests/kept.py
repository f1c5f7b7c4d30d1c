"""Servers that the files of one family share in a process: started when the first test asks for them, and ended before
a test of another family (``tests/sharing.py``). A fixture of a session would keep all of them until the end."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Any, TypeVar, cast

T = TypeVar("T")


class Kept:
    def __init__(self) -> None:
        self._values: dict[str, Any] = {}
        self._ends = ExitStack()

    def get(self, name: str, start: Callable[[], AbstractContextManager[T]]) -> T:
        """The value of that name; made by entering what ``start`` returns where it is not there yet."""
        if name not in self._values:
            self._values[name] = self._ends.enter_context(start())
        return cast("T", self._values[name])

    def end(self) -> None:
        """End the servers, the last one first."""
        self._values.clear()
        self._ends.close()


KEPT = Kept()
