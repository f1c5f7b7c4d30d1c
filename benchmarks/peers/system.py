"""What a module of this folder offers, so that all systems are measured by the same code."""

from __future__ import annotations

import os
from typing import Any, Protocol

PAYLOAD = "x" * 400  # handed to the first task and passed on by each
CHAIN_LENGTH = 3
SUBMITTERS = 4  # threads (or asyncio tasks) that submit and then wait, in the throughput measurement
POLL_S = 0.001  # between two looks of clients that must poll, where latency is measured
BURST_POLL_S = 0.02  # the same where throughput is measured: polling must not take the worker's processor
URL_VARIABLE = "PEER_URL"


def bus_url() -> str:
    """URL of the running Valkey, with this system's own database: no key meets another's."""
    return os.environ.get(URL_VARIABLE, "redis://127.0.0.1:6379/1")


class Blocking(Protocol):
    """A module whose client blocks. A handle is what ``submit_*`` returns, whatever the library uses for that."""

    WORKERS: list[list[str]]  # arguments behind the interpreter; empty where the system is running already

    def submit_single(self) -> Any:
        """Submit one no-op task; returns its handle."""

    def submit_chain(self) -> Any:
        """Submit three no-op tasks, each behind the one before it; returns the handle of the last."""

    def wait(self, handle: Any, poll_s: float) -> None:
        """Block until the result is here. Raises where the task failed or takes longer than a minute.

        Args:
            poll_s: seconds between two looks, for libraries whose clients poll.
        """


class Awaiting(Protocol):
    """A module whose client is asynchronous; it also has ``client()``, an async context manager around all its use."""

    WORKERS: list[list[str]]

    def client(self) -> Any: ...

    async def submit_single(self) -> Any: ...

    async def submit_chain(self) -> Any: ...

    async def wait(self, handle: Any, poll_s: float) -> None: ...
