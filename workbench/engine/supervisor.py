"""The supervisor's side of a worker: takes segments, has the executor run them, commits what it finished.

The supervisor owns the bus, the lease, the time-outs and the uploads, and never imports a node. Messages from the
executor: start, skipped, progress, preview, store, part, look, fetch, failed, done, end. To it: run, cancel, answer.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import orjson
import structlog

from schemas.errors import ErrorInfo, WorkbenchError
from schemas.event import NodeFailure, Progress
from schemas.refs import REF_TYPES, Ref, refs_in
from workbench.bus.bus import Bus, Taken, Verdict
from workbench.bus.connection import BUS_AWAY
from workbench.crash_points import CrashPoint, reached
from workbench.engine.active import Active, Heart
from workbench.engine.binding import summary
from workbench.engine.child import Child
from workbench.engine.wire import Closed
from workbench.engine.work import Work
from workbench.store.local_cache import LocalCache
from workbench.store.objects import Objects

log = structlog.get_logger()
T = TypeVar("T")
GRACE_S = 1.0  # asked first, killed after this
POLL_S = 0.1


class Lost(Exception):
    """The segment is not ours any more; what the executor makes of it is not wanted."""


class Slot:
    """One executor and the loop that feeds it. ``run`` blocks; call it in a thread of its own."""

    def __init__(
        self, name: str, pool: str, bus: Bus, objects: Objects, cache: LocalCache, child: Child, heart: Heart
    ) -> None:
        self.name = name
        self.pool = pool
        self.bus = bus
        self.objects = objects
        self.cache = cache
        self.child = child
        self.heart = heart
        self.stopping = threading.Event()
        self._last_n = 0
        self._number = 0

    def run(self) -> None:
        """Take and work until ``stopping`` is set; then hand back what is unfinished."""
        taken: Taken | None = None
        away = False
        while not self.stopping.is_set():
            try:
                if not self.child.alive:
                    self.child.ensure()  # before taking: a worker that cannot run nodes must not hold any
                if taken is None:
                    reached(CrashPoint.TAKE_ASKED)
                    taken = self.bus.take(self.name, self._last_n, self.pool)
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
                self._last_n = taken.lease.n
                taken = self._work(taken)
        if taken is not None:
            self._release(Active(taken.lease, self.name, lambda: True))
        self.child.stop()

    def _work(self, taken: Taken) -> Taken | None:
        """Run one segment to its end, whatever that is; returns the next one where it came with the last commit."""
        spec = orjson.loads(taken.spec)
        self._number += 1
        work = Work.begin(taken, spec, self._number, self.name, lambda: self.child.alive)
        active = work.active
        logger = log.bind(worker=self.name, job=taken.lease.job, segment=taken.lease.segment, fence=taken.lease.fence)
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
                results={name: orjson.loads(body) for name, body in active.results.items()},
                parts={name: [orjson.loads(part) for part in parts] for name, parts in taken.parts.items()},
            )
            return self._converse(work)
        except Lost:
            logger.info("segment given up", reason=str(active.lost or "draining"))
            self._abandon(work)
        except Closed:
            self._crashed(work, "node.crashed", f"the process that ran the node died: {self.child.describe_death()}")
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
                taken = self._commit(work, message)
                if not work.open:
                    return taken
            elif kind == "end":
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
            elif kind == "preview":
                self._show_preview(work, message)
            else:
                self._answer(work, message)

    def _look_around(self, work: Work) -> None:
        if work.active.lost is not None:
            raise Lost
        if self.stopping.is_set():
            self._release(work.active)
            raise Lost
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
        self.child.send("answer", id=message["id"], **fields)

    def _find(self, work: Work, message: dict[str, Any]) -> dict[str, Any]:
        kind = message["kind"]
        if kind == "fetch":
            ref = _ref(message["ref"])
            return {"path": str(self._with_store(work, lambda: self.cache.fetch(ref, self.objects)))}
        if kind == "look":
            return {"result": self._computed(work, message["key"])}
        if kind == "failed":
            failure = orjson.dumps(message["failure"])
            self._upload(work)
            reached(CrashPoint.FAIL_ASKED)
            verdict = self._insist(
                work,
                lambda: self.bus.fail(
                    work.active.lease, message["node"], failure, retry=message["again"], start=self._start()
                ),
            )
            reached(CrashPoint.FAIL_ANSWERED)
            log.warning(
                "node failed",
                worker=self.name,
                job=work.active.lease.job,
                node=message["node"],
                verdict=verdict.value,
                error=message["failure"]["error"]["message"],
            )
            if verdict is Verdict.FINAL:
                work.settle(message["node"])
            else:
                work.started.pop(message["node"], None)
            return {"verdict": verdict.value}
        raise ValueError(f"unknown message {kind!r} from the executor")

    def _computed(self, work: Work, key: str) -> dict[str, Any] | None:
        """A known result whose artifacts are really there."""
        found = self._insist(work, lambda: self.bus.computed(key))
        if found is None:
            return None
        result: dict[str, Any] = orjson.loads(found)
        digests = [ref.sha256 for ref in refs_in(result["output"])]
        return result if self._with_store(work, lambda: self.objects.has_all(digests)) else None

    def _commit(self, work: Work, message: dict[str, Any]) -> Taken | None:
        self._upload(work)
        node = message["node"]
        body = message["body"].encode()  # as the executor wrote it: not read here
        last = work.open == {node} and not self.stopping.is_set()

        def commit() -> tuple[Verdict, Taken | None]:
            return self.bus.commit(
                work.active.lease,
                node,
                body,
                start=self._start(),
                content_key=message["key"],
                worker=self.name,
                then_take=self.pool if last else None,
            )

        reached(CrashPoint.COMMIT_UPLOADED)
        verdict, taken = self._insist(work, commit)
        reached(CrashPoint.COMMIT_ANSWERED)
        if verdict not in (Verdict.OK, Verdict.AGAIN):
            work.active.lost = verdict
            if taken is not None:
                self._release(Active(taken.lease, self.name, lambda: True))
            raise Lost
        work.active.results[node] = body
        self.child.mark_log()
        work.settle(node)
        return taken

    def _upload(self, work: Work) -> None:
        """Put what the executor saved into the store, before anything refers to it."""
        while work.uploads:
            ref = work.uploads[0]
            path = self.cache.path(ref)
            if path is None:
                raise Closed(f"the file of artifact {ref.sha256[:12]} is gone")
            self._with_store(work, functools.partial(self.objects.put, path, ref))
            work.uploads.pop(0)

    def _with_store(self, work: Work, request: Callable[[], T]) -> T:
        """Ask the object store; while it is away, wait: the node is not at fault. Raises Lost, WorkbenchError."""
        delay_s = 0.2
        while True:
            try:
                return request()
            except WorkbenchError as error:
                if error.code != "store.unreachable":
                    raise
                log.warning("object store is away", worker=self.name, error=error.message)
                self._pause(work, delay_s)
                delay_s = min(5.0, delay_s * 2)

    def _insist(self, work: Work, move: Callable[[], T]) -> T:
        """Make a move on the bus; while the bus is away or in its grace, hold the result and try again."""
        while True:
            if work.active.lost is not None:
                raise Lost
            if not work.active.must_adopt:
                try:
                    with work.active.lock:
                        answer = move()
                    verdict = answer[0] if isinstance(answer, tuple) else answer
                    if verdict is not Verdict.WAIT:
                        return answer
                except BUS_AWAY:
                    work.active.must_adopt = True
            self._pause(work, POLL_S)

    def _pause(self, work: Work, seconds: float) -> None:
        if work.active.lost is not None or self.stopping.wait(seconds):
            raise Lost

    def _keep_part(self, work: Work, message: dict[str, Any]) -> None:
        self._upload(work)
        part = orjson.dumps(message["ref"])
        verdict = self._insist(work, lambda: self.bus.part(work.active.lease, message["node"], message["index"], part))
        if verdict is not Verdict.OK:
            work.active.lost = verdict
            raise Lost

    def _show_preview(self, work: Work, message: dict[str, Any]) -> None:
        path = Path(message["path"])
        try:
            key = self.objects.put_preview(
                work.active.lease.job, message["node"], path.read_bytes(), message["mediaType"]
            )
        except (WorkbenchError, OSError) as error:
            log.info("preview not shown", worker=self.name, error=str(error))  # a preview is a courtesy
            return
        known = work.active.progress.get(message["node"]) or Progress(node=message["node"])
        work.active.report(known.model_copy(update={"preview": key}))

    def _crashed(self, work: Work, code: str, message: str, node: str = "", **details: str) -> None:
        """The executor died or was too slow: a failed attempt at once. Hand back first, then start another process."""
        node = node or next(iter(work.started), "") or min(work.open)
        outputs = {name: orjson.loads(body)["output"] for name, body in work.active.results.items()}
        info = ErrorInfo(
            message=message,
            code=code,
            details={
                "where": f"node {node}",
                "node": node,
                "service": work.nodes[node]["service"],
                "input": summary(work.nodes[node]["input"], outputs),
                "log": self.child.log_tail(),
                "logFile": str(self.child.log_path),
                **details,
            },
        )
        failure = NodeFailure(error=info, worker=self.name, attempt=work.taken.attempt, finished_at=time.time())
        body = failure.to_json()
        try:
            reached(CrashPoint.FAIL_ASKED)
            verdict = self._insist(
                work, lambda: self.bus.fail(work.active.lease, node, body, retry=True, start=self._start())
            )
            reached(CrashPoint.FAIL_ANSWERED)
            log.warning(
                "attempt ended",
                worker=self.name,
                job=work.active.lease.job,
                node=node,
                error=message,
                verdict=verdict.value,
            )
            if verdict is Verdict.FINAL:
                self._release(work.active)  # the node failed for good; what its failure leads to runs elsewhere
        except Lost:
            log.info("segment was lost with its executor", worker=self.name, job=work.active.lease.job)
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
                error = ErrorInfo(message="the segment was given up", code="cancelled").model_dump(mode="json")
                with contextlib.suppress(Closed):  # the next receive says so
                    self.child.send("answer", id=message["id"], error=error, verdict=Verdict.CANCELLED.value)
        self.child.stop()

    def _release(self, active: Active) -> None:
        try:
            reached(CrashPoint.RELEASE_ASKED)
            self.bus.release(active.lease)
            reached(CrashPoint.RELEASE_ANSWERED)
        except BUS_AWAY as error:
            log.info("lease left to expire", worker=self.name, job=active.lease.job, error=str(error))

    def _start(self) -> bytes:
        return orjson.dumps({"worker": self.name})


def _ref(raw: dict[str, Any]) -> Ref:
    return REF_TYPES[raw["kind"]].model_validate(raw)
