"""Threads that carry a role. When one of them dies, so does the process: whoever supervises it starts it anew."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import structlog

log = structlog.get_logger()


def service_thread(name: str, run: Callable[[], None]) -> threading.Thread:
    """A daemon thread, not started yet. An exception that ``run`` lets out is logged and ends the process.

    Half a role is worse than none: it would hold its place and announce itself for ever.
    """

    def guarded() -> None:
        try:
            run()
        except BaseException:
            log.exception("service died", service=name)
            os._exit(1)

    return threading.Thread(target=guarded, name=name, daemon=True)
