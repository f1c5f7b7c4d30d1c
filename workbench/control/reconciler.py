"""Keeps the bus and SQL consistent: takes over an unknown bus, and enqueues accepted jobs that the bus does not have.

A takeover has three phases. Recall: the state in SQL is restored on the bus before any worker can act. Grace: for one
lease, live workers present their leases. Open: the remaining segments are enqueued.
"""

from __future__ import annotations

import threading
import time

import structlog

from schemas.errors import WorkbenchError
from schemas.event import NodeLoss, NodeWait
from schemas.status import WaitReason
from workbench.bus import scripts
from workbench.bus.bus import Bus
from workbench.bus.connection import BUS_UNREACHABLE, run_id
from workbench.bus.results import Marker, Phase, Verdict
from workbench.crash_points import CrashPoint, reached
from workbench.engine.accept import put_back
from workbench.engine.existing_results import lost_results, recorded_ends
from workbench.engine.provided_services import provided_services
from workbench.engine.service_mismatch import describe_missing
from workbench.settings import Settings
from workbench.store.approvals import Approvals
from workbench.store.jobs import JobStore

log = structlog.get_logger()
LOOK_EVERY_S = 0.5
RECONCILE_EVERY_S = 10.0
UNSERVED_EVERY_S = 1.0
QUEUE_HEAD = 200  # queue entries that are checked for services without a worker
RECENT_RESULTS = 5000


class Reconciler:
    """The only component that raises the epoch. ``run`` blocks; call it in a thread."""

    def __init__(self, settings: Settings, store: JobStore) -> None:
        self.bus = Bus(settings.bus_url, settings.namespace, control=True)
        self.store = store
        self.approvals = Approvals(store.database)
        self.lease_s = settings.lease_s
        self.opened = threading.Event()  # the deployment was open at least once
        self.stopping = threading.Event()
        self._unserved: set[tuple[str, str]] | None = None  # reported segments; unknown after a restart

    def run(self) -> None:
        reconciled_at = served_at = time.monotonic()
        away = False
        while not self.stopping.is_set():
            try:
                self.check_marker()
                if time.monotonic() - reconciled_at >= RECONCILE_EVERY_S:
                    self.reconcile()
                    reconciled_at = time.monotonic()
                if time.monotonic() - served_at >= UNSERVED_EVERY_S:
                    self.report_unserved()
                    self.deliver_decisions()
                    served_at = time.monotonic()
                away = False
            except BUS_UNREACHABLE as error:
                if not away:
                    log.warning("the bus is unreachable", error=str(error))
                away = True
            except WorkbenchError as error:  # SQL is unreachable, or its disk is full: nothing is lost, try again
                log.warning("bus and SQL could not be compared", code=error.code, error=error.message, seen=error.seen)
            self.stopping.wait(LOOK_EVERY_S)

    def check_marker(self) -> None:
        """Take over the bus if it does not have our mark."""
        marker = self.bus.marker()
        present = run_id(self.bus.client)
        if marker.run_id != present:
            self._take_over(present, marker)
        elif marker.phase is not Phase.OPEN:
            self._recover(marker.epoch)  # another control plane died during the takeover
        self.opened.set()

    def reconcile(self) -> int:
        """Restore accepted jobs that the bus does not have. Checks the bus first and reads SQL again after that."""
        epoch = self.bus.marker().epoch
        count = 0
        for job in list(self.store.unfinished()):
            if self.bus.knows(job):
                continue
            record = self.store.get(job)
            if record is None or record.status.final or self.bus.knows(job):
                continue
            try:
                if put_back(record, bus=self.bus, epoch=epoch) is Verdict.OK:
                    log.info("job restored on the bus", job=job)
                    count += 1
                    reached(CrashPoint.JOB_PUT_BACK)
            except WorkbenchError as error:
                log.error("job cannot be restored", job=job, error=str(error))
        return count

    def _take_over(self, present: str, marker: Marker) -> None:
        epoch = max(self.store.raise_epoch(), marker.epoch + 1)
        unfinished = list(self.store.unfinished())
        log.info("taking over the bus", epoch=epoch, unfinished=len(unfinished))
        scripts.load_all(self.bus.client)
        if self.bus.begin_epoch(epoch, present) is not Verdict.OK:
            return  # another control plane was faster
        reached(CrashPoint.EPOCH_BEGUN)
        self._recover(epoch, grace=bool(unfinished))

    def report_unserved(self) -> int:
        """Tell jobs at the head of a queue that no worker provides their services, and when one does again."""
        entries = self.bus.queues.entries(limit=QUEUE_HEAD)
        while self.bus.queues.drop_ended(entries):  # until the heads belong to unfinished jobs
            entries = self.bus.queues.entries(limit=QUEUE_HEAD)
        offers = provided_services(self.bus) if entries else {}
        reported, count = set(), 0
        for entry, needs in zip(entries, self.bus.queues.needs([(e.job, e.segment) for e in entries]), strict=True):
            there, segment = offers.get(entry.pool, []), (entry.job, entry.segment)
            missing = sorted(needs.difference(item.key for item in there))
            if missing:
                reported.add(segment)
                services = [describe_missing(word, there) for word in missing]
                why = NodeWait(reason=WaitReason.NO_WORKER, pool=entry.pool, services=services)
                if self.bus.unserved(*segment, why.to_json()):
                    log.warning(
                        "no worker provides the services",
                        job=entry.job,
                        segment=entry.segment,
                        pool=entry.pool,
                        services=services,
                    )
                    count += 1
            elif self._unserved is None or segment in self._unserved:
                self.bus.unserved(*segment)
        self._unserved = reported
        return count

    def deliver_decisions(self) -> int:
        """Send decisions to the bus that it does not have, because a client died in between or the bus lost its memory.

        Returns their number.
        """
        count = 0
        for job, node, decision in self.approvals.pending():
            if self.bus.decide(job, node, decision.to_json()) is Verdict.OK:
                log.info("decision delivered", job=job, node=node, author=decision.author)
                count += 1
        return count

    def _recover(self, epoch: int, *, grace: bool = True) -> None:
        """Continue from a started epoch to an open deployment."""
        self.recall(epoch)
        if grace and self.stopping.wait(self.lease_s):
            return
        reached(CrashPoint.GRACE_OVER)
        self.open(epoch)

    def recall(self, epoch: int) -> None:
        """Restore the state in SQL on the bus. After that, live workers can present their leases."""
        self.reconcile()
        self._catch_up()
        self.deliver_decisions()
        reached(CrashPoint.RECALLED)
        self.bus.begin_grace(epoch)

    def _catch_up(self) -> None:
        """Apply the recorded results to a bus that lost its last seconds, so that finished work is not repeated."""
        unfinished = set(self.store.unfinished())
        for job in list(self.bus.queues.jobs()):
            record = self.store.get(job)
            if record is None:
                continue  # a new job of another client, which SQL does not have yet
            if job not in unfinished and record.status.final:
                self.bus.forget(job)
                log.info("job has ended", job=job)
                continue
            lost = list(lost_results(record))
            if lost and self.bus.reopen(job, lost, NodeLoss(artifact="", reader="").to_json()):
                log.info("nodes are computed again", job=job, nodes=lost)
            count = self.bus.settle(job, recorded_ends(record))
            if count:
                log.info("results of nodes restored", job=job, nodes=count)
        if not self.bus.client.exists(self.bus.keys.computed):
            recent = self.store.recent_results(RECENT_RESULTS)
            self.bus.remember({result.content_key: result.to_json() for result in recent})

    def open(self, epoch: int) -> None:
        """End the grace phase: enqueue the segments that no worker presented, and open the deployment.

        They are enqueued first. If a control plane dies in between, the deployment stays in its grace phase, and the
        next control plane opens it.
        """
        queued = {(entry.job, entry.segment) for entry in self.bus.queues.entries()}
        for job in list(self.store.unfinished()):
            segments = [segment for segment in self.bus.segments(job) if (job, segment) not in queued]
            if segments and self.bus.requeue(job, segments):
                log.info("segments enqueued again", job=job)
        reached(CrashPoint.ALL_ENQUEUED)
        if self.bus.open_deployment(epoch) is Verdict.OK:
            reached(CrashPoint.DEPLOYMENT_OPENED)
            self.bus.nudge()  # wake tokens that were pushed during the grace phase had no effect
            log.info("deployment is open", epoch=epoch)
