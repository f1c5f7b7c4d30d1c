"""Writes events from the bus's outbox to SQL. The bus forgets only events that SQL has confirmed."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import structlog

from schemas.errors import WorkbenchError
from schemas.event import EventType
from workbench.bus.bus import Bus
from workbench.bus.connection import BUS_UNREACHABLE
from workbench.bus.results import OutboxEntry
from workbench.crash_points import CrashPoint, reached
from workbench.metrics import EVENTS_RECORDED
from workbench.settings import Settings
from workbench.store.jobs import JobStore

log = structlog.get_logger()
SLEEP_S = 0.1  # waking for each event would slow down every job
BATCH = 500
_FINAL = {EventType.JOB_COMPLETED, EventType.JOB_FAILED, EventType.JOB_CANCELLED}


class Recorder:
    """Reads the outbox in batches. It keeps no state between runs, because applying a batch twice changes nothing."""

    def __init__(self, settings: Settings, store: JobStore) -> None:
        self.bus = Bus(settings.bus_url, settings.namespace)
        self.store = store
        self.stopping = threading.Event()
        self.recorded = threading.Event()  # set after each batch; the tracker waits on it

    def run(self) -> None:
        away = False
        while not self.stopping.is_set():
            try:
                more = self.step()
                away = False
            except (
                *BUS_UNREACHABLE,
                WorkbenchError,
            ) as error:  # nothing is lost: the outbox keeps unconfirmed events
                if not away:
                    log.warning("recording is interrupted", error=str(error))
                away, more = True, False
            if not more:
                self.stopping.wait(SLEEP_S)

    def _apply_singly(self, entries: Sequence[OutboxEntry]) -> None:
        """Record events one by one. An event that SQL refuses is logged and set aside, so that others are recorded."""
        for entry in entries:
            try:
                self.store.apply([entry.event])
            except WorkbenchError:
                raise
            except Exception:
                log.exception("event cannot be recorded", job=entry.event.job, node=entry.event.node, id=entry.id)
                self.bus.set_aside(entry)

    def step(self) -> bool:
        """Record one batch. Returns whether more events may wait."""
        entries = self.bus.outbox("", BATCH)
        if not entries:
            return False
        reached(CrashPoint.OUTBOX_READ)
        try:
            self.store.apply([entry.event for entry in entries])
        except WorkbenchError:
            raise  # a part is unreachable: repeat the batch later
        except Exception:
            self._apply_singly(entries)
        reached(CrashPoint.BATCH_APPLIED)
        finished = [entry.event.job for entry in entries if entry.event.type in _FINAL]
        self.bus.confirm(entries[-1].id, finished)
        reached(CrashPoint.BATCH_CONFIRMED)
        EVENTS_RECORDED.inc(len(entries))
        self.recorded.set()
        return len(entries) == BATCH
