"""Removes the previews of ended jobs every minute; a collection would do it only once a day."""

from __future__ import annotations

import threading

import structlog

from schemas.errors import WorkbenchError
from workbench.retention.previews import remove_previews
from workbench.settings import Settings
from workbench.store.jobs import JobStore
from workbench.store.objects import Objects

log = structlog.get_logger()
EVERY_S = 60.0


class PreviewRemover:
    """Runs once a minute. Several instances can run at the same time, because repeated deletion has no effect."""

    def __init__(self, settings: Settings, store: JobStore) -> None:
        self._settings = settings
        self._store = store
        self.stopping = threading.Event()

    def run(self) -> None:
        while not self.stopping.wait(EVERY_S):
            try:
                remove_previews(Objects.connect(self._settings), self._store)
            except WorkbenchError as error:  # try again in a minute
                log.info("previews could not be removed yet", error=str(error))
