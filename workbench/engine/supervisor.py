"""The supervisor's side of a worker: takes segments, has the executor run them, commits what it finished.

The supervisor owns the bus, the lease, the time-outs and the uploads, and never imports a node. Messages from the
executor: start, skipped, progress, log, models, preview, store, part, claim, ask, fetch, failed, done, end. To it: run,
cancel, hold, answer.
"""

from __future__ import annotations

import contextlib
import threading
import time
from typing import Any

import orjson
import structlog

from schemas.errors import WorkbenchError
from schemas.event import LogLine, Progress
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
from workbench.engine.keeping import Keeping, ref_of
from workbench.engine.offers import offer
from workbench.engine.patience import POLL_S, Lost, Patience
from workbench.engine.wire import Closed
from workbench.engine.work import Work, log_of, start_of
from workbench.metrics import COMMITS, NODE_SECONDS, NODES, TAKES
from workbench.store.local_cache import LocalCache
from workbench.store.objects import Objects

log = structlog.get_logger()
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

    def run(self) -> None:
        """Take and work until ``draining`` or ``stopping`` is set; hand back what is unfinished then."""
        taken: Taken | None = None
        away = False
        while not self.draining.is_set() and not self.stopping.is_set():
            try:
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
                "run",
                run=work.number,
                worker=self.name,
                attempt=taken.attempt,
                spec=spec,
                status=taken.status,
                outputs=active.outputs(),
                parts={name: [orjson.loads(part) for part in parts] for name, parts in taken.parts.items()},
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
            if message is None or message.get("run") not in (None, work.number):
                continue
            kind = message["kind"]
            if kind == "done":
                taken = self._commit_or_say_so(work, message)
                if not work.open:
                    return taken
                if self.draining.is_set() and work.chain:  # in branches others may still compute; "end" follows them
                    raise Lost
            elif kind == "end":
                if work.held and work.open and work.active.lost is None:
                    self.ending.release(work.active)
                return None  # what is still open was skipped on the bus, or is enqueued again
            elif kind == "start":
                work.started[message["node"]] = time.monotonic()
            elif kind == "skipped":
                work.settle(message["node"])
            elif kind == "progress":
                work.active.report(
                    Progress(node=message["node"], done=message["done"], total=message["total"], unit=message["unit"])
                )
            elif kind == "store":
                self.keeping.saved(work, ref_of(message["ref"]))
            elif kind == "part":
                self.keeping.part(work, message)
            elif kind == "models":
                self.child.models = message["keys"]
            elif kind == "log":
                work.active.said(message["node"], LogLine.model_validate(message["line"]))
            elif kind == "preview":
                self.keeping.preview(work, message)
            else:
                self.answering.answer(work, message)

    def _look_around(self, work: Work) -> None:
        if work.active.lost is not None:
            raise Lost
        if self.stopping.is_set():
            raise Lost
        if self.draining.is_set() and not work.held:
            self.child.send("hold", run=work.number)
            work.held = True
        now = time.monotonic()
        for node, since in work.started.items():
            if now - since > work.timeouts_s[node]:
                self.child.send("cancel", run=work.number)
                self.ending.await_end(work)
                message = f"the node ran longer than its {work.timeouts_s[node]:g} s"
                self.ending.crashed(work, "node.timeout", message, node)
                raise Lost

    def _commit_or_say_so(self, work: Work, message: dict[str, Any]) -> Taken | None:
        """Commit; a sweep's executor waits for the answer."""
        try:
            return self._commit(work, message)
        except Lost:
            if "id" in message:
                self.answering.give_up(message["id"])
            raise

    def _commit(self, work: Work, message: dict[str, Any]) -> Taken | None:
        self.keeping.upload(work)
        node = message["node"]
        body = message["body"].encode()  # as the executor wrote it: not read here
        last = work.open == {node} and not self.draining.is_set() and not self.stopping.is_set()
        take_too = last and self._busy

        def commit() -> tuple[Verdict, Taken | None]:
            return self.bus.commit(
                work.active.lease,
                node,
                body,
                start=start_of(work.active),
                content_key=message["key"],
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
        if "id" in message:
            with contextlib.suppress(Closed):  # the next receive says so; what was taken behind the commit is not lost
                self.child.send("answer", id=message["id"], verdict=verdict.value)
        return taken
