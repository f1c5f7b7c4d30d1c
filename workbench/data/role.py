"""``workbench worker``: one worker of the data plane."""

from __future__ import annotations

from schemas.status import Plane
from workbench.engine.worker import Worker
from workbench.settings import Settings


def data_worker(settings: Settings, pool: str = "cpu", slots: int = 1) -> Worker:
    """A worker for the pool. The default is one slot, because heavy nodes use all cores that they get."""
    return Worker(settings, Plane.DATA, pool, slots)
