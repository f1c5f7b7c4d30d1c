"""Once a day, if the settings say so: deletes old or excess jobs, and collects unreferenced bytes."""

from __future__ import annotations

import threading
import time

import structlog

from schemas.errors import WorkbenchError
from schemas.retention import CollectionReport, CollectionRequest
from workbench.bus.bus import Bus
from workbench.retention.collecting import LAST, collect
from workbench.retention.parts import Parts
from workbench.retention.selection import rule_of
from workbench.settings import Settings
from workbench.store.jobs import JobStore
from workbench.store.objects import Objects

log = structlog.get_logger()
LOOK_EVERY_S = 60.0
EVERY_S = 24 * 3600.0


class Retention:
    """Checks once a minute if a day has passed since the last collection.

    Several instances can run at the same time.
    """

    def __init__(self, settings: Settings, store: JobStore) -> None:
        self._settings = settings
        self._store = store
        self.stopping = threading.Event()

    def run(self) -> None:
        rule = rule_of(self._settings)
        if rule is None:
            return
        parts = Parts(
            self._settings,
            self._store,
            Objects.connect(self._settings),
            Bus(self._settings.bus_url, self._settings.namespace),
        )
        asked = CollectionRequest(**rule.model_dump())
        while not self.stopping.is_set():
            try:
                if due(self._store, time.time()):
                    report = collect(parts, asked)
                    removed = {item.kind.value: item.count for item in report.removed}
                    log.info("collected", seconds=report.seconds, bytes=report.bytes, removed=removed, left=report.left)
            except WorkbenchError as error:  # a part is unreachable, or another collection runs: try again
                log.warning("the collection failed", code=error.code, error=error.message, seen=error.seen)
            self.stopping.wait(LOOK_EVERY_S)


def due(store: JobStore, now: float) -> bool:
    """Whether the last collection is more than a day old. Raises WorkbenchError: sql.unreachable."""
    last = store.note(LAST)
    return last is None or now - CollectionReport.model_validate_json(last).at >= EVERY_S
