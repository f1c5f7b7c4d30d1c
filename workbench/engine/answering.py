"""What the executor waits for while it runs a segment: files, results of others, decisions, whether it tries again."""

from __future__ import annotations

import contextlib
import functools
from pathlib import Path

import orjson
from msgspec import Raw

from schemas.approval import Decision, Question
from schemas.errors import WorkbenchError
from schemas.event import NodeFailure, NodeLoss, NodeWait
from schemas.refs import Ref, refs_in
from schemas.status import NodeStatus, WaitReason
from workbench.bus.answers import Verdict
from workbench.bus.bus import Bus
from workbench.crash_points import CrashPoint, reached
from workbench.engine.active import Heart
from workbench.engine.backoff import delay_s
from workbench.engine.child import Child
from workbench.engine.keeping import Keeping
from workbench.engine.messages import (
    Answer,
    Ask,
    Claim,
    Decided,
    Failed,
    Fetch,
    Fetched,
    GivenUp,
    Known,
    Outcome,
    Refused,
    Request,
)
from workbench.engine.patience import Lost, Patience
from workbench.engine.wire import Closed
from workbench.engine.work import Work, log_of, start_of
from workbench.metrics import NODES
from workbench.store.damage import LOST, Condition, discard
from workbench.store.local_cache import LocalCache
from workbench.store.objects import Objects


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

    def answer(self, work: Work, request: Request) -> None:
        """Answer a request of the executor's. Raises Lost, Closed."""
        try:
            answer = self._find(work, request)
        except WorkbenchError as error:
            answer = Refused(request.id, error.info())
        except Lost:
            self.give_up(request.id)
            raise
        self.child.send(answer)

    def give_up(self, question: int) -> None:
        """Answer that the segment was given up: an executor that waits for ever would have to be killed."""
        with contextlib.suppress(Closed):  # the next receive says so
            self.child.send(GivenUp(question))

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

    def _find(self, work: Work, request: Request) -> Answer:
        node = request.node
        if isinstance(request, Fetch):
            found = self._fetch(work, node, request.ref)
            return GivenUp(request.id) if found is None else Fetched(request.id, str(found))
        if isinstance(request, Claim):
            claimed = self._claim(work, node, request.key)
            return Outcome(request.id, claimed) if isinstance(claimed, Verdict) else Known(request.id, Raw(claimed))
        if isinstance(request, Ask):
            decision = self._ask(work, node, request.question)
            return Outcome(request.id, Verdict.PARKED) if decision is None else Decided(request.id, decision)
        assert isinstance(request, Failed)
        self.keeping.upload(work)
        verdict = self.fail(work, node, request.failure)
        if verdict is Verdict.FINAL:
            work.active.ends[node] = (NodeStatus.FAILED, request.failure.to_json())
            work.settle(node)
        else:
            work.started.pop(node, None)
        return Outcome(request.id, verdict)

    def _fetch(self, work: Work, node: str, ref: Ref) -> Path | None:
        """Bring the artifact here. Where its bytes are lost and nodes of this job made them, those run again first, and
        the segment is not ours any more."""
        try:
            return self.patience.with_store(work, lambda: self.cache.fetch(ref, self.objects))
        except WorkbenchError as error:
            makers = work.makers_of(ref, node) if error.code in LOST else []
            if not makers:
                raise
            if self.patience.with_store(work, lambda: discard(self.objects, ref)) is Condition.GOOD:
                return self.patience.with_store(work, lambda: self.cache.fetch(ref, self.objects))
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
            return None

    def _claim(self, work: Work, node: str, key: str) -> Verdict | bytes:
        """The node's result as JSON; OK: its computation is ours; PARKED or BUSY: somebody else is at it."""
        why = NodeWait(reason=WaitReason.SAME_COMPUTATION, content_key=key).to_json()
        look = True
        while True:
            verdict, found = self.patience.insist(work, functools.partial(self._ask_claim, work, node, key, look, why))
            if verdict is Verdict.OK:
                work.active.claims[node] = key
                return verdict
            if verdict is Verdict.PARKED:
                self.heart.forget(work.active)  # the lease is free
                log_of(work).debug("waits for the same computation elsewhere", node=node)
            if verdict in (Verdict.PARKED, Verdict.BUSY):
                return verdict
            if found is None:
                work.active.lost = verdict
                raise Lost
            made = refs_in(orjson.loads(found)["output"])
            if self.patience.with_store(work, functools.partial(self.objects.has_all, made)):
                return found
            look = False  # its artifacts are gone: it is to be made again

    def _ask(self, work: Work, node: str, question: Question) -> Decision | None:
        """The person's decision; None: the job waits for it without this worker."""
        why = NodeWait(reason=WaitReason.APPROVAL, question=question).to_json()
        verdict, found = self.patience.insist(work, lambda: self.bus.ask(work.active.lease, node, why))
        if verdict is Verdict.PARKED:
            self.heart.forget(work.active)  # the lease is free
            log_of(work).info("waits for a person", node=node)
            return None
        if found is None:
            work.active.lost = verdict
            raise Lost
        return Decision.model_validate_json(found)

    def _ask_claim(self, work: Work, node: str, key: str, look: bool, why: bytes) -> tuple[Verdict, bytes | None]:
        # The lease is read at each try: in between it may have been adopted under another fence.
        return self.bus.claim(work.active.lease, node, key, look=look, park=work.chain, why=why)
