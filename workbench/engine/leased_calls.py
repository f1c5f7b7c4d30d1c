"""Waiting for the bus and the object store, for as long as the segment is still ours."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

import structlog

from schemas.errors import WorkbenchError
from workbench.bus.answers import Verdict
from workbench.bus.connection import BUS_AWAY
from workbench.engine.work import Work

log = structlog.get_logger()
T = TypeVar("T")
POLL_S = 0.1
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0  # between two requests to a store that is away


class Lost(Exception):
    """The segment is not ours any more; what the executor makes of it is not wanted."""


class Patience:
    """Tries again while a part is away. A node's time does not run meanwhile: it is not at fault.

    Args:
        stopping: set when everything is to be handed back at once.
    """

    def __init__(self, stopping: threading.Event) -> None:
        self._stopping = stopping

    def with_store(self, work: Work, request: Callable[[], T]) -> T:
        """Ask the object store. Raises Lost, and WorkbenchError for what it refuses."""
        pause_s, began = FIRST_PAUSE_S, time.monotonic()
        while True:
            try:
                answer = request()
                work.forgive(time.monotonic() - began)
                return answer
            except WorkbenchError as error:
                if error.code != "store.unreachable":
                    raise
                lease = work.active.lease
                log.warning(
                    "object store is away",
                    worker=work.active.worker,
                    job=lease.job,
                    segment=lease.segment,
                    fence=lease.fence,
                    error=error.message,
                )
                self._pause(work, pause_s)
                pause_s = min(LONGEST_PAUSE_S, pause_s * 2)

    def insist(self, work: Work, move: Callable[[], T]) -> T:
        """Make a move on the bus, holding the result while the bus is away or recovers. Raises Lost."""
        began = time.monotonic()
        while True:
            if work.active.lost is not None:
                raise Lost
            if not work.active.must_adopt:
                try:
                    with work.active.lock:
                        answer = move()
                    verdict = answer[0] if isinstance(answer, tuple) else answer
                    if verdict is not Verdict.WAIT:
                        work.forgive(time.monotonic() - began)
                        return answer
                except BUS_AWAY:
                    work.active.must_adopt = True
            self._pause(work, POLL_S)

    def _pause(self, work: Work, seconds: float) -> None:
        if work.active.lost is not None or self._stopping.wait(seconds):
            raise Lost
