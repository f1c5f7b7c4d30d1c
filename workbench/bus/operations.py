"""The common base of the operations of all roles: a client, the keys, and the scripts by name."""

from __future__ import annotations

import time
from typing import Any

from workbench.bus import scripts
from workbench.bus.connection import TIMEOUT_S, connect
from workbench.bus.job_reader import JobReader
from workbench.bus.keys import Keys
from workbench.bus.queues import Queues
from workbench.bus.references import BusReferences


def now() -> str:
    """The time, for display only: no decision depends on it."""
    return f"{time.time():.6f}"


class Operations:
    """One connection to a deployment's bus."""

    def __init__(self, url: str, namespace: str, *, control: bool = False, timeout_s: float = TIMEOUT_S) -> None:
        self.keys = Keys(namespace)
        self.url = url
        self.client = connect(url, meta_key=None if control else self.keys.meta, timeout_s=timeout_s)
        self.queues = Queues(self.client, self.keys)
        self.references = BusReferences(self.client, self.keys)
        self.job_reader = JobReader(self.client, self.keys)

    def close(self) -> None:
        self.client.close()

    def _call(self, name: str, *args: Any) -> Any:
        return scripts.call(self.client, self.keys.prefix, name, *args)
