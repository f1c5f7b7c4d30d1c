"""The parts of a deployment that store user data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from workbench.bus.bus import Bus
from workbench.settings import Settings
from workbench.store.artifact_references import ArtifactReferences
from workbench.store.collection_rounds import CollectionRounds
from workbench.store.consents import Consents
from workbench.store.job_deletion import JobDeletion
from workbench.store.jobs import JobStore
from workbench.store.local_cache import LocalCache
from workbench.store.objects import Objects
from workbench.store.sweeps import Sweeps


@dataclass(frozen=True)
class Parts:
    """Not thread-safe, because the client of the bus is not."""

    settings: Settings
    store: JobStore
    objects: Objects
    bus: Bus

    @cached_property
    def cache(self) -> LocalCache:
        return LocalCache(self.settings.home / "cache", int(self.settings.cache_gib * 2**30))

    @cached_property
    def references(self) -> ArtifactReferences:
        return ArtifactReferences(self.store.database)

    @cached_property
    def deletion(self) -> JobDeletion:
        return JobDeletion(self.store.database)

    @cached_property
    def consents(self) -> Consents:
        return Consents(self.store.database)

    @cached_property
    def sweeps(self) -> Sweeps:
        return Sweeps(self.store.database)

    @cached_property
    def rounds(self) -> CollectionRounds:
        return CollectionRounds(self.store.database)
