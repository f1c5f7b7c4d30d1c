"""Threads of a role. If one of them dies, the process ends, and its supervisor restarts it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import structlog

log = structlog.get_logger()


def service_thread(name: str, run: Callable[[], None]) -> threading.Thread:
    """A daemon thread, not started yet. An uncaught exception of ``run`` is logged and ends the process.

    An incomplete role is worse than none, because it would occupy its place and announce itself forever.
    """

    def guarded() -> None:
        try:
            run()
        except BaseException:
            log.exception("a service thread died", service=name)
            os._exit(1)

    return threading.Thread(target=guarded, name=name, daemon=True)
