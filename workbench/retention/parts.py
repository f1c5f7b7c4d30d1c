"""The parts of a bench that hold what people made and brought in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from workbench.bus.bus import Bus
from workbench.settings import Settings
from workbench.store.job_deletion import JobDeletion
from workbench.store.jobs import JobStore
from workbench.store.local_cache import LocalCache
from workbench.store.naming import Naming
from workbench.store.objects import Objects
from workbench.store.rounds import Rounds


@dataclass(frozen=True)
class Parts:
    """Used by one thread at a time: the bus's client is."""

    settings: Settings
    store: JobStore
    objects: Objects
    bus: Bus

    @cached_property
    def cache(self) -> LocalCache:
        return LocalCache(self.settings.home / "cache", int(self.settings.cache_gib * 2**30))

    @cached_property
    def naming(self) -> Naming:
        return Naming(self.store.database)

    @cached_property
    def deletion(self) -> JobDeletion:
        return JobDeletion(self.store.database)

    @cached_property
    def rounds(self) -> Rounds:
        return Rounds(self.store.database)
