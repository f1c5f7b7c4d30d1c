"""Keeps the bus and SQL in step: takes an unfamiliar bus over, enqueues accepted jobs that the bus does not know."""

from __future__ import annotations

import threading
import time

import structlog

from nodes.registry import services
from schemas.errors import WorkbenchError
from workbench.bus import scripts
from workbench.bus.bus import Bus, Verdict
from workbench.bus.connection import BUS_AWAY, run_id
from workbench.crash_points import CrashPoint, reached
from workbench.engine.accept import put_back
from workbench.engine.cut import pool_name
from workbench.settings import Settings
from workbench.store.jobs import JobStore

log = structlog.get_logger()
LOOK_EVERY_S = 0.5
RECONCILE_EVERY_S = 10.0


class Keeper:
    """The only one who raises the epoch. ``run`` blocks; call it in a thread."""

    def __init__(self, settings: Settings, store: JobStore) -> None:
        self.bus = Bus(settings.bus_url, settings.bench, control=True)
        self.store = store
        self.lease_s = settings.lease_s
        self.opened = threading.Event()  # the bench was open at least once
        self.stopping = threading.Event()

    def run(self) -> None:
        reconciled_at = time.monotonic()
        away = False
        while not self.stopping.is_set():
            try:
                self.look()
                if time.monotonic() - reconciled_at >= RECONCILE_EVERY_S:
                    self.reconcile()
                    reconciled_at = time.monotonic()
                away = False
            except BUS_AWAY as error:
                if not away:
                    log.warning("bus is away", error=str(error))
                away = True
            self.stopping.wait(LOOK_EVERY_S)

    def look(self) -> None:
        """Take the bus over when it is not the one we marked."""
        marker = self.bus.marker()
        present = run_id(self.bus.client)
        if marker.get("run_id") != present:
            self._take_over(present, marker)
        elif marker.get("phase") != "open":
            self.reconcile()  # it may have died before it put all jobs back, and workers present leases of jobs only
            self._open(int(marker["epoch"]))  # another control plane died in its grace
        self.opened.set()

    def reconcile(self) -> int:
        """Put back what SQL has accepted and the bus does not know. Asks the bus first and re-reads SQL second."""
        epoch = int(self.bus.marker().get("epoch", "0"))
        count = 0
        for job in list(self.store.unfinished()):
            if self.bus.knows(job):
                continue
            record = self.store.get(job)
            if record is None or record.status.final or self.bus.knows(job):
                continue
            try:
                if put_back(record, bus=self.bus, epoch=epoch) is Verdict.OK:
                    log.info("job put back on the bus", job=job)
                    count += 1
                    reached(CrashPoint.JOB_PUT_BACK)
            except WorkbenchError as error:
                log.error("job cannot be put back", job=job, error=str(error))
        return count

    def _take_over(self, present: str, marker: dict[str, str]) -> None:
        epoch = max(self.store.raise_epoch(), int(marker.get("epoch", "0")) + 1)
        unfinished = list(self.store.unfinished())
        log.info("taking the bus over", epoch=epoch, unfinished=len(unfinished))
        scripts.load_all(self.bus.client)
        if self.bus.begin_epoch(epoch, present) is not Verdict.OK:
            return  # another control plane was quicker
        reached(CrashPoint.EPOCH_BEGUN)
        self.reconcile()
        self._open(epoch, grace=bool(unfinished))

    def _open(self, epoch: int, *, grace: bool = True) -> None:
        """End the grace: for one lease live workers could present what they hold; the rest is enqueued."""
        if grace and self.stopping.wait(self.lease_s):
            return
        reached(CrashPoint.GRACE_OVER)
        if self.bus.open_bench(epoch) is not Verdict.OK:
            return
        reached(CrashPoint.BENCH_OPENED)
        pools = {pool_name(declaration.plane, declaration.pool) for declaration in services().values()}
        queued = self.bus.queued(pools)
        for job in list(self.store.unfinished()):
            segments = [segment for segment in self.bus.segments(job) if (job, segment) not in queued]
            if segments and self.bus.requeue(job, segments):
                log.info("segments enqueued again", job=job)
        log.info("bench is open", epoch=epoch)
