"""Keeps the bus and SQL in step: takes an unfamiliar bus over, enqueues accepted jobs that the bus does not know.

Taking over has three phases. Recall: SQL's word is put on the bus, before anybody else can act. Grace: for one lease
live workers present what they hold. Open: what is left is enqueued.
"""

from __future__ import annotations

import threading
import time

import structlog

from schemas.errors import WorkbenchError
from schemas.event import NodeLoss, NodeWait
from schemas.status import WaitReason
from workbench.bus import scripts
from workbench.bus.answers import Marker, Phase, Verdict
from workbench.bus.bus import Bus
from workbench.bus.connection import BUS_UNREACHABLE, run_id
from workbench.crash_points import CrashPoint, reached
from workbench.engine.accept import put_back
from workbench.engine.known import lost_results, recorded_ends
from workbench.engine.lacking import lacks
from workbench.engine.offers import offered_by
from workbench.settings import Settings
from workbench.store.approvals import Approvals
from workbench.store.jobs import JobStore

log = structlog.get_logger()
LOOK_EVERY_S = 0.5
RECONCILE_EVERY_S = 10.0
UNSERVED_EVERY_S = 1.0
QUEUE_HEAD = 200  # entries of a queue that are looked at for services nobody offers
RECENT_RESULTS = 5000


class Reconciler:
    """The only one who raises the epoch. ``run`` blocks; call it in a thread."""

    def __init__(self, settings: Settings, store: JobStore) -> None:
        self.bus = Bus(settings.bus_url, settings.namespace, control=True)
        self.store = store
        self.approvals = Approvals(store.database)
        self.lease_s = settings.lease_s
        self.opened = threading.Event()  # the deployment was open at least once
        self.stopping = threading.Event()

    def run(self) -> None:
        reconciled_at = served_at = time.monotonic()
        away = False
        while not self.stopping.is_set():
            try:
                self.look()
                if time.monotonic() - reconciled_at >= RECONCILE_EVERY_S:
                    self.reconcile()
                    reconciled_at = time.monotonic()
                if time.monotonic() - served_at >= UNSERVED_EVERY_S:
                    self.say_unserved()
                    self.hand_over_decisions()
                    served_at = time.monotonic()
                away = False
            except BUS_UNREACHABLE as error:
                if not away:
                    log.warning("bus is away", error=str(error))
                away = True
            except WorkbenchError as error:  # SQL is away, or its disk is full: nothing is lost, look again
                log.warning("bus and SQL are not compared", code=error.code, error=error.message, seen=error.seen)
            self.stopping.wait(LOOK_EVERY_S)

    def look(self) -> None:
        """Take the bus over when it is not the one we marked."""
        marker = self.bus.marker()
        present = run_id(self.bus.client)
        if marker.run_id != present:
            self._take_over(present, marker)
        elif marker.phase is not Phase.OPEN:
            self._recover(marker.epoch)  # another control plane died on the way
        self.opened.set()

    def reconcile(self) -> int:
        """Put back what SQL has accepted and the bus does not know. Asks the bus first and re-reads SQL second."""
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
                    log.info("job put back on the bus", job=job)
                    count += 1
                    reached(CrashPoint.JOB_PUT_BACK)
            except WorkbenchError as error:
                log.error("job cannot be put back", job=job, error=str(error))
        return count

    def _take_over(self, present: str, marker: Marker) -> None:
        epoch = max(self.store.raise_epoch(), marker.epoch + 1)
        unfinished = list(self.store.unfinished())
        log.info("taking the bus over", epoch=epoch, unfinished=len(unfinished))
        scripts.load_all(self.bus.client)
        if self.bus.begin_epoch(epoch, present) is not Verdict.OK:
            return  # another control plane was quicker
        reached(CrashPoint.EPOCH_BEGUN)
        self._recover(epoch, grace=bool(unfinished))

    def say_unserved(self) -> int:
        """Say on jobs that they wait for a worker, where nobody offers what the head of a queue needs."""
        entries = self.bus.queues.entries(limit=QUEUE_HEAD)
        while self.bus.queues.drop_ended(entries):  # until the heads are of jobs that go on
            entries = self.bus.queues.entries(limit=QUEUE_HEAD)
        if not entries:
            return 0
        offers = offered_by(self.bus)
        count = 0
        for entry, needs in zip(entries, self.bus.queues.needs([(e.job, e.segment) for e in entries]), strict=True):
            there = offers.get(entry.pool, [])
            missing = sorted(needs.difference(item.word for item in there))
            if missing:
                services = [lacks(word, there) for word in missing]
                why = NodeWait(reason=WaitReason.NO_WORKER, pool=entry.pool, services=services)
                if self.bus.unserved(entry.job, entry.segment, why.to_json()):
                    log.warning("no worker", job=entry.job, segment=entry.segment, pool=entry.pool, services=services)
                    count += 1
        return count

    def hand_over_decisions(self) -> int:
        """Tell the bus what people decided and it does not know: their client died in between, or it lost its memory.

        Returns how many it did not know.
        """
        count = 0
        for job, node, decision in self.approvals.pending():
            if self.bus.decide(job, node, decision.to_json()) is Verdict.OK:
                log.info("decision handed over", job=job, node=node, author=decision.author)
                count += 1
        return count

    def _recover(self, epoch: int, *, grace: bool = True) -> None:
        """From an epoch that has begun to an open deployment."""
        self.recall(epoch)
        if grace and self.stopping.wait(self.lease_s):
            return
        reached(CrashPoint.GRACE_OVER)
        self.open(epoch)

    def recall(self, epoch: int) -> None:
        """Put SQL's word on the bus; afterwards live workers can present what they hold."""
        self.reconcile()
        self._catch_up()
        self.hand_over_decisions()
        reached(CrashPoint.RECALLED)
        self.bus.begin_grace(epoch)

    def _catch_up(self) -> None:
        """A bus that lost its last seconds is behind SQL: what SQL knows to be done must not be done again."""
        unfinished = set(self.store.unfinished())
        for job in list(self.bus.queues.jobs()):
            record = self.store.get(job)
            if record is None:
                continue  # of another client, a moment before SQL has it
            if job not in unfinished and record.status.final:
                self.bus.forget(job)
                log.info("job had ended", job=job)
                continue
            lost = list(lost_results(record))
            if lost and self.bus.reopen(job, lost, NodeLoss(artifact="", reader="").to_json()):
                log.info("nodes are made again", job=job, nodes=lost)
            count = self.bus.settle(job, recorded_ends(record))
            if count:
                log.info("ends of nodes put back", job=job, nodes=count)
        if not self.bus.client.exists(self.bus.keys.computed):
            recent = self.store.recent_results(RECENT_RESULTS)
            self.bus.remember({result.content_key: result.to_json() for result in recent})

    def open(self, epoch: int) -> None:
        """End the grace: what nobody presented is enqueued, and work goes on.

        Enqueued first: a control plane that dies in between leaves a deployment in its grace, which the next one opens.
        """
        queued = {(entry.job, entry.segment) for entry in self.bus.queues.entries()}
        for job in list(self.store.unfinished()):
            segments = [segment for segment in self.bus.segments(job) if (job, segment) not in queued]
            if segments and self.bus.requeue(job, segments):
                log.info("segments enqueued again", job=job)
        reached(CrashPoint.ALL_ENQUEUED)
        if self.bus.open_deployment(epoch) is Verdict.OK:
            reached(CrashPoint.DEPLOYMENT_OPENED)
            self.bus.nudge()  # tokens that were pushed in the grace woke workers in vain
            log.info("deployment is open", epoch=epoch)
