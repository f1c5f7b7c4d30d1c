"""Removes what was only worth something while a job ran: the previews of jobs that have ended."""

from __future__ import annotations

import threading

import structlog

from schemas.errors import WorkbenchError
from workbench.settings import Settings
from workbench.store.jobs import JobStore
from workbench.store.objects import Objects

log = structlog.get_logger()
EVERY_S = 60.0


class Sweeper:
    """Looks once a minute. Two of them do no harm: removing what is gone changes nothing."""

    def __init__(self, settings: Settings, store: JobStore) -> None:
        self._settings = settings
        self._store = store
        self.stopping = threading.Event()

    def run(self) -> None:
        while not self.stopping.wait(EVERY_S):
            try:
                sweep(Objects.connect(self._settings), self._store)
            except WorkbenchError as error:  # the next minute is as good
                log.info("previews stay for now", error=str(error))


def sweep(objects: Objects, store: JobStore) -> int:
    """Remove the previews of jobs that are final or deleted; returns how many. Raises WorkbenchError."""
    gone = 0
    for job in objects.jobs_with_previews():
        record = store.get(job)
        if record is None or record.status.final:
            gone += objects.delete_previews(job)
    return gone
