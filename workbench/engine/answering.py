"""What the executor waits for while it runs a segment: files, results of others, decisions, whether it tries again."""

from __future__ import annotations

import contextlib
import functools
from typing import Any

import orjson

from schemas.approval import Question
from schemas.errors import ErrorInfo, WorkbenchError
from schemas.event import NodeFailure, NodeLoss, NodeWait
from schemas.refs import Ref, refs_in
from schemas.status import NodeStatus, WaitReason
from workbench.bus.answers import Verdict
from workbench.bus.bus import Bus
from workbench.crash_points import CrashPoint, reached
from workbench.engine.active import Heart
from workbench.engine.backoff import delay_s
from workbench.engine.child import Child
from workbench.engine.keeping import Keeping, ref_of
from workbench.engine.patience import Lost, Patience
from workbench.engine.wire import Closed
from workbench.engine.work import Work, log_of, start_of
from workbench.metrics import NODES
from workbench.store.damage import LOST, Condition, discard
from workbench.store.local_cache import LocalCache
from workbench.store.objects import Objects

# What an executor is told that must let go of its segment.
_GIVEN_UP: dict[str, Any] = {
    "error": ErrorInfo(message="the segment was given up", code="cancelled").model_dump(mode="json"),
    "verdict": Verdict.CANCELLED.value,
}


class Answering:
    """Answers one executor. Methods block, and raise Lost when the segment is not ours any more."""

    def __init__(
        self,
        bus: Bus,
        objects: Objects,
        cache: LocalCache,
        child: Child,
        heart: Heart,
        patience: Patience,
        keeping: Keeping,
    ) -> None:
        self.bus = bus
        self.objects = objects
        self.cache = cache
        self.child = child
        self.heart = heart
        self.patience = patience
        self.keeping = keeping

    def answer(self, work: Work, message: dict[str, Any]) -> None:
        """Answer a question of the executor's. Raises Lost, Closed."""
        try:
            fields = self._find(work, message)
        except WorkbenchError as error:
            fields = {"error": error.info().model_dump(mode="json")}
        except Lost:
            self.give_up(message["id"])
            raise
        self.child.send("answer", id=message["id"], **fields)

    def give_up(self, question: int) -> None:
        """Answer that the segment was given up: an executor that waits for ever would have to be killed."""
        with contextlib.suppress(Closed):  # the next receive says so
            self.child.send("answer", id=question, **_GIVEN_UP)

    def fail(self, work: Work, node: str, failure: NodeFailure) -> Verdict:
        """Tell the bus of a failed attempt. RETRY or FINAL. Raises Lost."""
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
                start=start_of(work.active),
                delay_s=pause_s,
                why=why,
            ),
        )
        reached(CrashPoint.FAIL_ANSWERED)
        NODES.labels(work.nodes[node]["service"], "retried" if verdict is Verdict.RETRY else "failed").inc()
        log_of(work).warning(
            "node failed",
            node=node,
            attempt=failure.attempt,
            verdict=verdict.value,
            retry_in_s=pause_s if verdict is Verdict.RETRY else None,
            code=failure.error.code,
            error=failure.error.message,
        )
        return verdict

    def _find(self, work: Work, message: dict[str, Any]) -> dict[str, Any]:
        kind = message["kind"]
        if kind == "fetch":
            return self._fetch(work, message["node"], ref_of(message["ref"]))
        if kind == "claim":
            return self._claim(work, message["node"], message["key"])
        if kind == "ask":
            return self._ask(work, message["node"], Question.model_validate(message["question"]))
        if kind == "failed":
            self.keeping.upload(work)
            failure = NodeFailure.model_validate(message["failure"])
            verdict = self.fail(work, message["node"], failure)
            if verdict is Verdict.FINAL:
                work.active.ends[message["node"]] = (NodeStatus.FAILED, failure.to_json())
                work.settle(message["node"])
            else:
                work.started.pop(message["node"], None)
            return {"verdict": verdict.value}
        raise ValueError(f"unknown message {kind!r} from the executor")

    def _fetch(self, work: Work, node: str, ref: Ref) -> dict[str, Any]:
        """Bring the artifact here. Where its bytes are lost and nodes of this job made them, those run again first, and
        the segment is not ours any more."""
        try:
            return {"path": str(self.patience.with_store(work, lambda: self.cache.fetch(ref, self.objects)))}
        except WorkbenchError as error:
            makers = work.makers_of(ref, node) if error.code in LOST else []
            if not makers:
                raise
            if self.patience.with_store(work, lambda: discard(self.objects, ref)) is Condition.GOOD:
                return {"path": str(self.patience.with_store(work, lambda: self.cache.fetch(ref, self.objects)))}
            why = NodeWait(reason=WaitReason.INPUT_LOST, artifact=ref.sha256).to_json()
            loss = NodeLoss(artifact=ref.sha256, reader=node).to_json()
            verdict = self.patience.insist(
                work, lambda: self.bus.remake(work.active.lease, node, makers, why=why, loss=loss)
            )
            log_of(work).warning(
                "stored bytes are lost", node=node, artifact=ref.sha256, makers=makers, verdict=verdict.value
            )
            if verdict is Verdict.FINAL:
                raise
            if verdict is not Verdict.RETRY:
                work.active.lost = verdict
                raise Lost from error
            self.heart.forget(work.active)  # the lease is free
            return _GIVEN_UP

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
                log_of(work).debug("waits for the same computation elsewhere", node=node)
            if verdict in (Verdict.PARKED, Verdict.BUSY):
                return {"verdict": verdict.value}
            if found is None:
                work.active.lost = verdict
                raise Lost
            result: dict[str, Any] = orjson.loads(found)
            made = refs_in(result["output"])
            if self.patience.with_store(work, functools.partial(self.objects.has_all, made)):
                return {"result": result}
            look = False  # its artifacts are gone: it is to be made again

    def _ask(self, work: Work, node: str, question: Question) -> dict[str, Any]:
        """Find the person's decision, or let the job wait for it without this worker."""
        why = NodeWait(reason=WaitReason.APPROVAL, question=question).to_json()
        verdict, found = self.patience.insist(work, lambda: self.bus.ask(work.active.lease, node, why))
        if verdict is Verdict.PARKED:
            self.heart.forget(work.active)  # the lease is free
            log_of(work).info("waits for a person", node=node)
            return {"verdict": verdict.value}
        if found is None:
            work.active.lost = verdict
            raise Lost
        return {"decision": orjson.loads(found)}

    def _ask_claim(self, work: Work, node: str, key: str, look: bool, why: bytes) -> tuple[Verdict, bytes | None]:
        # The lease is read at each try: in between it may have been adopted under another fence.
        return self.bus.claim(work.active.lease, node, key, look=look, park=work.chain, why=why)
