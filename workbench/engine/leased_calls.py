"""Calls to the bus and the object store for a leased segment, repeated while they are unreachable."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from schemas.errors import WorkbenchError
from workbench.bus.connection import BUS_UNREACHABLE
from workbench.bus.results import Verdict
from workbench.engine.lease import Lost
from workbench.engine.retry_policy import STORE
from workbench.engine.running_segment import RunningSegment
from workbench.engine.slot_parts import Shutdown

T = TypeVar("T")
POLL_S = 0.1


class LeasedCalls:
    """The time of an outage does not count towards a node's timeout."""

    def __init__(self, segment: RunningSegment, shutdown: Shutdown) -> None:
        self._segment = segment
        self._shutdown = shutdown

    def store(self, request: Callable[[], T]) -> T:
        """Call the object store. Raises Lost, and WorkbenchError for what it refuses."""
        failures, began = 0, time.monotonic()
        while True:
            try:
                answer = request()
                self._segment.extend(time.monotonic() - began)
                return answer
            except WorkbenchError as error:
                if error.code != "store.unreachable":
                    raise
                self._segment.log.warning("the object store is unreachable", error=error.message)
                failures += 1
                self._pause(STORE.pause_s(failures))

    def bus(self, operation: Callable[[], T]) -> T:
        """Call the bus, and keep the results while it is unreachable or recovers. Raises Lost."""
        leased, began = self._segment.leased, time.monotonic()
        while True:
            if leased.lost is not None:
                raise Lost
            if not leased.must_adopt:
                try:
                    with leased.lock:
                        answer = operation()
                    verdict = answer[0] if isinstance(answer, tuple) else answer
                    if verdict is not Verdict.WAIT:
                        self._segment.extend(time.monotonic() - began)
                        return answer
                except BUS_UNREACHABLE:
                    leased.present_again()
            self._pause(POLL_S)

    def _pause(self, seconds: float) -> None:
        if self._segment.leased.lost is not None or self._shutdown.wait(seconds):
            raise Lost
