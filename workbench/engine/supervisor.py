"""The supervisor's side of a worker: takes segments, has the executor run them, commits what it finished.

The supervisor owns the bus, the lease, the time-outs and the uploads, and never imports a node.
"""

from __future__ import annotations

import contextlib
import threading
import time

import orjson
import structlog
from msgspec import Raw

from schemas.errors import WorkbenchError
from schemas.event import Progress
from schemas.refs import REF_TYPES, Ref
from schemas.status import NodeStatus, Plane
from workbench.bus.answers import Taken, Verdict
from workbench.bus.bus import Bus
from workbench.bus.connection import BUS_AWAY
from workbench.crash_points import CrashPoint, reached
from workbench.engine.active import Active, Heart
from workbench.engine.answering import Answering
from workbench.engine.child import Child
from workbench.engine.cut import pool_name
from workbench.engine.ending import Ending
from workbench.engine.keeping import Keeping
from workbench.engine.messages import (
    Cancel,
    Done,
    Edited,
    End,
    FromExecutor,
    Hold,
    Logged,
    Models,
    Outcome,
    PartDone,
    Previewed,
    ProgressMade,
    Request,
    Run,
    Skipped,
    Started,
    Stored,
)
from workbench.engine.offers import offer
from workbench.engine.patience import POLL_S, Lost, Patience
from workbench.engine.wire import Closed
from workbench.engine.work import Work, log_of, start_of
from workbench.metrics import COMMITS, NODE_SECONDS, NODES, TAKES
from workbench.store.local_cache import LocalCache
from workbench.store.objects import Objects

log = structlog.get_logger()
EDITED_EVERY_S = 0.5  # an idle worker looks this often whether somebody edited a node
AT_ONCE_S = 0.003  # a take that took less did not wait


class Slot:
    """One executor and the loop that feeds it. ``run`` blocks; call it in a thread of its own."""

    def __init__(
        self,
        name: str,
        plane: Plane,
        pool: str,
        bus: Bus,
        objects: Objects,
        cache: LocalCache,
        child: Child,
        heart: Heart,
    ) -> None:
        self.name = name
        self.plane = plane
        self.pool = pool_name(plane, pool)
        self._offer = offer((), plane, pool)
        self._serves = pool
        self.bus = bus
        self.child = child
        self.heart = heart
        self.draining = threading.Event()  # take nothing more, finish the node that runs
        self.stopping = threading.Event()  # hand back at once
        self.patience = Patience(self.stopping)
        self.keeping = Keeping(bus, objects, cache, self.patience)
        self.answering = Answering(bus, objects, cache, child, heart, self.patience, self.keeping)
        self.ending = Ending(bus, child, self.answering)
        self._known = ""
        self._busy = False
        self._number = 0
        self._look_at = 0.0

    def run(self) -> None:
        """Take and work until ``draining`` or ``stopping`` is set; hand back what is unfinished then."""
        taken: Taken | None = None
        away = False
        while not self.draining.is_set() and not self.stopping.is_set():
            try:
                if taken is None:  # what was taken already is given back by the executor that it was taken for
                    self._renew_if_edited()
                if not self.child.alive:
                    self.child.ensure()  # before taking: a worker that cannot run nodes must not hold any
                    self._offer = offer(self.child.services, self.plane, self._serves)
                if taken is None:
                    taken = self._take()
                if away:
                    log.info("bus is back", worker=self.name)
                    away = False
            except BUS_AWAY as error:
                if not away:
                    log.warning("bus is away", worker=self.name, error=str(error))
                    away = True
                self.stopping.wait(0.2)
                continue
            except WorkbenchError as error:
                log.error("executor does not start", worker=self.name, error=str(error))
                self.stopping.wait(5.0)
                continue
            if taken is not None:
                reached(CrashPoint.TAKE_ANSWERED)
                TAKES.labels(self.pool).inc()
                self._known = taken.lease.fence
                taken = self._work(taken)
        if taken is not None:
            self.ending.release(Active(taken.lease, self.name, lambda: True))
        self.child.stop()

    def _renew_if_edited(self) -> None:
        """End an executor whose nodes were edited: the next one reads them anew and offers what they are now."""
        now = time.monotonic()
        if self.child.alive and now >= self._look_at:
            self._look_at = now + EDITED_EVERY_S
            if self.child.outdated:
                log.info("nodes were edited; the executor starts anew", worker=self.name)
                self.child.stop()

    def _take(self) -> Taken | None:
        reached(CrashPoint.TAKE_ASKED)
        began = time.monotonic()
        taken = self.bus.take(self.name, self._known, self.pool, offer=self._offer)
        # Work that was there without waiting: there may be more, and the next take travels behind the commit. On an
        # idle bench that take would find nothing, and the worker that the commit wakes would wait for its end.
        self._busy = taken is not None and time.monotonic() - began < AT_ONCE_S
        return taken

    def _work(self, taken: Taken) -> Taken | None:
        """Run one segment to its end, whatever that is; returns the next one where it came with the last commit."""
        spec = orjson.loads(taken.spec)
        self._number += 1
        work = Work.begin(taken, spec, self._number, self.name, lambda: self.child.alive)
        active = work.active
        logger = log_of(work)
        logger.debug("taken", nodes=sorted(work.open), attempt=taken.attempt)
        self.heart.watch(active)
        try:
            self.child.mark_log()
            self.child.send(
                Run(
                    run=work.number,
                    worker=self.name,
                    attempt=taken.attempt,
                    spec=Raw(taken.spec),
                    status={name: NodeStatus(status) for name, status in taken.status.items()},
                    outputs=active.outputs(),
                    parts={name: [_ref(part) for part in parts] for name, parts in taken.parts.items()},
                )
            )
            return self._converse(work)
        except Lost:
            logger.info("segment given up", reason=str(active.lost or "draining"))
            if active.lost is None:  # it is still ours, and we stop: another goes on with it at once
                self.ending.release(active)
            self.ending.abandon(work)
        except Closed:
            if work.open:
                self.ending.crashed(
                    work, "node.crashed", f"the process that ran the node died: {self.child.describe_death()}"
                )
            else:  # it died behind its last node: nobody is harmed
                self.child.stop()
        except WorkbenchError as error:  # what the node made cannot be kept: the store refuses it, a disk is full
            self.ending.crashed(work, error.code, error.message, remedy=error.remedy)
            self.ending.abandon(work)
        finally:
            self.heart.forget(active)
            work.unlock()
        return None

    def _converse(self, work: Work) -> Taken | None:
        """Answer the executor until the segment's last node is committed. Raises Lost, Closed."""
        while True:
            self._look_around(work)
            message = self.child.receive(POLL_S)
            if message is None or getattr(message, "run", work.number) != work.number:
                continue
            if isinstance(message, Done):
                taken = self._commit_or_say_so(work, message)
                if not work.open:
                    return taken
                if self.draining.is_set() and work.chain:  # in branches others may still compute; "end" follows them
                    raise Lost
            if isinstance(message, End):
                if work.held and work.open and work.active.lost is None:
                    self.ending.release(work.active)
                return None  # what is still open was skipped on the bus, or is enqueued again
            self._hear(work, message)

    def _hear(self, work: Work, message: FromExecutor) -> None:
        """Take note of a report, answer a request. Raises Lost, Closed."""
        if isinstance(message, Edited):  # what it has not begun goes back as it came
            work.held = True
            self._look_at = 0.0
        elif isinstance(message, Started):
            work.started[message.node] = time.monotonic()
        elif isinstance(message, Skipped):
            work.settle(message.node)
        elif isinstance(message, ProgressMade):
            work.active.report(Progress(node=message.node, done=message.done, total=message.total, unit=message.unit))
        elif isinstance(message, Stored):
            self.keeping.saved(work, message.ref)
        elif isinstance(message, PartDone):
            self.keeping.part(work, message)
        elif isinstance(message, Models):
            self.child.models = message.keys
        elif isinstance(message, Logged):
            work.active.said(message.node, message.line)
        elif isinstance(message, Previewed):
            self.keeping.preview(work, message)
        elif isinstance(message, Request):
            self.answering.answer(work, message)

    def _look_around(self, work: Work) -> None:
        if work.active.lost is not None:
            raise Lost
        if self.stopping.is_set():
            raise Lost
        if self.draining.is_set() and not work.held:
            self.child.send(Hold(work.number))
            work.held = True
        now = time.monotonic()
        for node, since in work.started.items():
            if now - since > work.timeouts_s[node]:
                self.child.send(Cancel(work.number))
                self.ending.await_end(work)
                message = f"the node ran longer than its {work.timeouts_s[node]:g} s"
                self.ending.crashed(work, "node.timeout", message, node)
                raise Lost

    def _commit_or_say_so(self, work: Work, message: Done) -> Taken | None:
        """Commit; a sweep's executor waits for the answer."""
        try:
            return self._commit(work, message)
        except Lost:
            if message.id:
                self.answering.give_up(message.id)
            raise

    def _commit(self, work: Work, message: Done) -> Taken | None:
        self.keeping.upload(work)
        node = message.node
        body = bytes(message.body)  # as the executor wrote it: not read here
        last = work.open == {node} and not self.draining.is_set() and not self.stopping.is_set()
        take_too = last and self._busy

        def commit() -> tuple[Verdict, Taken | None]:
            return self.bus.commit(
                work.active.lease,
                node,
                body,
                start=start_of(work.active),
                content_key=message.key,
                seen=work.round,
                worker=self.name,
                then_take=self.pool if take_too else None,
                offer=self._offer,
            )

        reached(CrashPoint.COMMIT_UPLOADED)
        verdict, taken = self.patience.insist(work, commit)
        while verdict is Verdict.ROUND:
            if taken is not None:  # it came behind a commit that was none
                self.ending.release(Active(taken.lease, self.name, lambda: True))
            self.keeping.upload_again(work)
            verdict, taken = self.patience.insist(work, commit)
        reached(CrashPoint.COMMIT_ANSWERED)
        COMMITS.labels(self.pool, verdict.value).inc()
        if take_too:
            self._busy = taken is not None
        if verdict not in (Verdict.OK, Verdict.AGAIN, Verdict.YIELD):
            work.active.lost = verdict
            if taken is not None:
                self.ending.release(Active(taken.lease, self.name, lambda: True))
            raise Lost
        work.active.ends[node] = (NodeStatus.COMPLETED, body)
        service = work.nodes[node]["service"]
        NODES.labels(service, "completed").inc()
        if node in work.started:
            NODE_SECONDS.labels(service).observe(time.monotonic() - work.started[node])
        self.child.mark_log()
        work.settle(node)
        if verdict is Verdict.YIELD:
            self.heart.forget(work.active)
            log_of(work).debug("a person's work goes first", node=node)
        if message.id:
            with contextlib.suppress(Closed):  # the next receive says so; what was taken behind the commit is not lost
                self.child.send(Outcome(message.id, Verdict.YIELD if verdict is Verdict.YIELD else Verdict.OK))
        return taken


def _ref(raw: bytes) -> Ref:
    fields = orjson.loads(raw)
    return REF_TYPES[fields["kind"]].model_validate(fields)
