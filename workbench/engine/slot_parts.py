"""The parts of a slot that all segments share, and its shutdown state."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from workbench.bus.bus import Bus
from workbench.engine.executor_process import ExecutorProcess
from workbench.engine.installed_models import InstalledModels
from workbench.engine.lease import LeaseRenewer
from workbench.store.local_cache import LocalCache
from workbench.store.objects import Objects


class Shutdown:
    """Set by the worker, read by its slot.

    Draining: take no more segments, finish the running node. Stopping: return work at once.
    """

    def __init__(self) -> None:
        self._draining = threading.Event()
        self._stopping = threading.Event()

    def drain(self) -> None:
        self._draining.set()

    def stop(self) -> None:
        self._draining.set()
        self._stopping.set()

    @property
    def draining(self) -> bool:
        return self._draining.is_set()

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait, but return at once if the slot stops. Returns whether it stops."""
        return self._stopping.wait(seconds)


@dataclass(frozen=True)
class SlotParts:
    """Shared by the slot and the objects that it creates for each segment."""

    pool: str  # its name on the bus
    bus: Bus
    objects: Objects
    cache: LocalCache
    executor: ExecutorProcess
    models: InstalledModels
    renewer: LeaseRenewer
    shutdown: Shutdown
