"""The supervisor's side of a worker: takes segments, has the executor run them, commits what it finished.

The supervisor owns the bus, the lease, the time-outs and the uploads, and never imports a node. Messages from the
executor: start, skipped, progress, models, preview, store, part, claim, ask, fetch, failed, done, end. To it: run,
cancel, hold, answer.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from pathlib import Path
from typing import Any

import orjson
import structlog

from schemas.approval import Question
from schemas.errors import ErrorInfo, WorkbenchError
from schemas.event import NodeFailure, NodeWait, Progress
from schemas.refs import REF_TYPES, Ref, refs_in
from schemas.status import NodeStatus, Plane, WaitReason
from workbench.bus.answers import Taken, Verdict
from workbench.bus.bus import Bus
from workbench.bus.connection import BUS_AWAY
from workbench.crash_points import CrashPoint, reached
from workbench.engine.active import Active, Heart
from workbench.engine.backoff import delay_s
from workbench.engine.binding import summary
from workbench.engine.child import Child
from workbench.engine.cut import pool_name
from workbench.engine.offers import offer
from workbench.engine.patience import POLL_S, Lost, Patience
from workbench.engine.wire import Closed
from workbench.engine.work import Work
from workbench.metrics import COMMITS, NODE_SECONDS, NODES, TAKES
from workbench.store.local_cache import LocalCache
from workbench.store.objects import Objects

log = structlog.get_logger()
GRACE_S = 1.0  # asked first, killed after this
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
        self.objects = objects
        self.cache = cache
        self.child = child
        self.heart = heart
        self.draining = threading.Event()  # take nothing more, finish the node that runs
        self.stopping = threading.Event()  # hand back at once
        self.patience = Patience(self.stopping)
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
            self._release(Active(taken.lease, self.name, lambda: True))
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
        logger = self._log(work)
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
                self._release(active)
            self._abandon(work)
        except Closed:
            if work.open:
                self._crashed(
                    work, "node.crashed", f"the process that ran the node died: {self.child.describe_death()}"
                )
            else:  # it died behind its last node: nobody is harmed
                self.child.stop()
        except WorkbenchError as error:  # what the node made cannot be kept: the store refuses it, a disk is full
            self._crashed(work, error.code, error.message, remedy=error.remedy)
            self._abandon(work)
        finally:
            self.heart.forget(active)
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
                    self._release(work.active)
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
                work.uploads.append(_ref(message["ref"]))
            elif kind == "part":
                self._keep_part(work, message)
            elif kind == "models":
                self.child.models = message["keys"]
            elif kind == "preview":
                self._show_preview(work, message)
            else:
                self._answer(work, message)

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
                self._await_end(work)
                message = f"the node ran longer than its {work.timeouts_s[node]:g} s"
                self._crashed(work, "node.timeout", message, node)
                raise Lost

    def _answer(self, work: Work, message: dict[str, Any]) -> None:
        """The executor waits for these."""
        try:
            fields = self._find(work, message)
        except WorkbenchError as error:
            fields = {"error": error.info().model_dump(mode="json")}
        except Lost:
            self._give_up_answering(message["id"])  # an executor that waits for ever would have to be killed
            raise
        self.child.send("answer", id=message["id"], **fields)

    def _give_up_answering(self, question: int) -> None:
        error = ErrorInfo(message="the segment was given up", code="cancelled").model_dump(mode="json")
        with contextlib.suppress(Closed):  # the next receive says so
            self.child.send("answer", id=question, error=error, verdict=Verdict.CANCELLED.value)

    def _find(self, work: Work, message: dict[str, Any]) -> dict[str, Any]:
        kind = message["kind"]
        if kind == "fetch":
            ref = _ref(message["ref"])
            return {"path": str(self.patience.with_store(work, lambda: self.cache.fetch(ref, self.objects)))}
        if kind == "claim":
            return self._claim(work, message["node"], message["key"])
        if kind == "ask":
            return self._ask(work, message["node"], Question.model_validate(message["question"]))
        if kind == "failed":
            self._upload(work)
            failure = NodeFailure.model_validate(message["failure"])
            verdict = self._fail(work, message["node"], failure)
            if verdict is Verdict.FINAL:
                work.active.ends[message["node"]] = (NodeStatus.FAILED, failure.to_json())
                work.settle(message["node"])
            else:
                work.started.pop(message["node"], None)
            return {"verdict": verdict.value}
        raise ValueError(f"unknown message {kind!r} from the executor")

    def _claim(self, work: Work, node: str, key: str) -> dict[str, Any]:
        """Find the node's result, or make its computation ours, or learn that somebody else is at it."""
        why = NodeWait(reason=WaitReason.SAME_COMPUTATION, content_key=key).to_json()
        look = True
        while True:
            verdict, found = self.patience.insist(work, functools.partial(self._ask_claim, work, node, key, look, why))
            if verdict is Verdict.OK:
                work.active.claims[node] = key
                return {}
            if verdict is Verdict.PARKED:
                self.heart.forget(work.active)  # the lease is free
                self._log(work).debug("waits for the same computation elsewhere", node=node)
            if verdict in (Verdict.PARKED, Verdict.BUSY):
                return {"verdict": verdict.value}
            if found is None:
                work.active.lost = verdict
                raise Lost
            result: dict[str, Any] = orjson.loads(found)
            digests = [ref.sha256 for ref in refs_in(result["output"])]
            if self.patience.with_store(work, functools.partial(self.objects.has_all, digests)):
                return {"result": result}
            look = False  # its artifacts are gone: it is to be made again

    def _ask(self, work: Work, node: str, question: Question) -> dict[str, Any]:
        """Find the person's decision, or let the job wait for it without this worker."""
        why = NodeWait(reason=WaitReason.APPROVAL, question=question).to_json()
        verdict, found = self.patience.insist(work, lambda: self.bus.ask(work.active.lease, node, why))
        if verdict is Verdict.PARKED:
            self.heart.forget(work.active)  # the lease is free
            self._log(work).info("waits for a person", node=node)
            return {"verdict": verdict.value}
        if found is None:
            work.active.lost = verdict
            raise Lost
        return {"decision": orjson.loads(found)}

    def _ask_claim(self, work: Work, node: str, key: str, look: bool, why: bytes) -> tuple[Verdict, bytes | None]:
        # The lease is read at each try: in between it may have been adopted under another fence.
        return self.bus.claim(work.active.lease, node, key, look=look, park=work.chain, why=why)

    def _fail(self, work: Work, node: str, failure: NodeFailure) -> Verdict:
        pause_s = delay_s(failure.attempt, failure.error.code)
        why = NodeWait(reason=WaitReason.RETRY_AT, delay_s=pause_s, attempt=failure.attempt + 1).to_json()
        body = failure.to_json()
        reached(CrashPoint.FAIL_ASKED)
        verdict = self.patience.insist(
            work,
            lambda: self.bus.fail(
                work.active.lease,
                node,
                body,
                retry=failure.again,
                start=self._start(),
                delay_s=pause_s,
                why=why,
            ),
        )
        reached(CrashPoint.FAIL_ANSWERED)
        NODES.labels(work.nodes[node]["service"], "retried" if verdict is Verdict.RETRY else "failed").inc()
        self._log(work).warning(
            "node failed",
            node=node,
            attempt=failure.attempt,
            verdict=verdict.value,
            retry_in_s=pause_s if verdict is Verdict.RETRY else None,
            code=failure.error.code,
            error=failure.error.message,
        )
        return verdict

    def _log(self, work: Work) -> Any:
        lease = work.active.lease
        return log.bind(worker=self.name, job=lease.job, segment=lease.segment, fence=lease.fence)

    def _commit_or_say_so(self, work: Work, message: dict[str, Any]) -> Taken | None:
        """Commit; a sweep's executor waits for the answer."""
        try:
            return self._commit(work, message)
        except Lost:
            if "id" in message:
                self._give_up_answering(message["id"])
            raise

    def _commit(self, work: Work, message: dict[str, Any]) -> Taken | None:
        self._upload(work)
        node = message["node"]
        body = message["body"].encode()  # as the executor wrote it: not read here
        last = work.open == {node} and not self.draining.is_set() and not self.stopping.is_set()
        take_too = last and self._busy

        def commit() -> tuple[Verdict, Taken | None]:
            return self.bus.commit(
                work.active.lease,
                node,
                body,
                start=self._start(),
                content_key=message["key"],
                worker=self.name,
                then_take=self.pool if take_too else None,
                offer=self._offer,
            )

        reached(CrashPoint.COMMIT_UPLOADED)
        verdict, taken = self.patience.insist(work, commit)
        reached(CrashPoint.COMMIT_ANSWERED)
        COMMITS.labels(self.pool, verdict.value).inc()
        if take_too:
            self._busy = taken is not None
        if verdict not in (Verdict.OK, Verdict.AGAIN, Verdict.YIELD):
            work.active.lost = verdict
            if taken is not None:
                self._release(Active(taken.lease, self.name, lambda: True))
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
            self._log(work).debug("a person's work goes first", node=node)
        if "id" in message:
            with contextlib.suppress(Closed):  # the next receive says so; what was taken behind the commit is not lost
                self.child.send("answer", id=message["id"], verdict=verdict.value)
        return taken

    def _upload(self, work: Work) -> None:
        """Put what the executor saved into the store, before anything refers to it."""
        while work.uploads:
            ref = work.uploads[0]
            path = self.cache.path(ref)
            if path is None:
                raise Closed(f"the file of artifact {ref.sha256[:12]} is gone")
            self.patience.with_store(work, functools.partial(self.objects.put, path, ref))
            work.uploads.pop(0)

    def _keep_part(self, work: Work, message: dict[str, Any]) -> None:
        self._upload(work)
        part = orjson.dumps(message["ref"])
        verdict = self.patience.insist(
            work, lambda: self.bus.part(work.active.lease, message["node"], message["index"], part)
        )
        if verdict is not Verdict.OK:
            work.active.lost = verdict
            raise Lost
        known = work.active.progress.get(message["node"]) or Progress(node=message["node"])
        work.active.report(known.model_copy(update={"parts": message["index"] + 1}))

    def _show_preview(self, work: Work, message: dict[str, Any]) -> None:
        path = Path(message["path"])
        try:
            key = self.objects.put_preview(
                work.active.lease.job, message["node"], path.read_bytes(), message["mediaType"]
            )
        except (WorkbenchError, OSError) as error:
            self._log(work).info("preview not shown", node=message["node"], error=str(error))  # a courtesy
            return
        known = work.active.progress.get(message["node"]) or Progress(node=message["node"])
        work.active.report(known.model_copy(update={"preview": key}))

    def _crashed(self, work: Work, code: str, message: str, node: str = "", **details: str) -> None:
        """The executor died or was too slow: a failed attempt at once. Hand back first, then start another process."""
        node = node or next(iter(work.started), "") or min(work.open)
        # From here the supervisor speaks for the segment: its lease is kept, or adopted after a bus that was away,
        # without the executor whose life it depended on.
        work.active.alive = lambda: True
        info = ErrorInfo(
            message=message,
            code=code,
            details={
                "where": f"node {node}",
                "node": node,
                "service": work.nodes[node]["service"],
                "input": summary(work.nodes[node]["input"], work.active.outputs()),
                "log": self.child.log_tail(),
                "logFile": str(self.child.log_path),
                **details,
            },
        )
        failure = NodeFailure(error=info, worker=self.name, attempt=work.attempt, again=True, finished_at=time.time())
        try:
            verdict = self._fail(work, node, failure)
            if verdict is Verdict.FINAL:
                self._release(work.active)  # the node failed for good; what its failure leads to runs elsewhere
        except Lost:
            self._log(work).info("segment was lost with its executor", node=node)
            if work.active.lost is None:
                self._release(work.active)
        if code == "node.crashed":  # an executor that let go in time keeps its models
            self.child.stop()

    def _abandon(self, work: Work) -> None:
        if self.child.alive and not work.ended:
            try:
                self.child.send("cancel", run=work.number)
            except Closed:
                return
            self._await_end(work)

    def _await_end(self, work: Work) -> None:
        """Wait a second for the executor to let go; then kill it."""
        deadline = time.monotonic() + GRACE_S
        while time.monotonic() < deadline:
            try:
                message = self.child.receive(POLL_S)
            except Closed:
                return
            if message is None:
                continue
            if message["kind"] == "end" and message["run"] == work.number:
                work.ended = True
                return
            if "id" in message:
                self._give_up_answering(message["id"])
        self.child.stop()

    def _release(self, active: Active) -> None:
        try:
            reached(CrashPoint.RELEASE_ASKED)
            self.bus.release(active.lease)
            reached(CrashPoint.RELEASE_ANSWERED)
        except BUS_AWAY as error:
            log.info(
                "lease left to expire",
                worker=self.name,
                job=active.lease.job,
                fence=active.lease.fence,
                error=str(error),
            )

    def _start(self) -> bytes:
        return orjson.dumps({"worker": self.name})


def _ref(raw: dict[str, Any]) -> Ref:
    return REF_TYPES[raw["kind"]].model_validate(raw)
