"""Handles the executor's requests while it runs a segment: files, cached results, parts, decisions, failures."""

from __future__ import annotations

import functools
from pathlib import Path

import orjson
from msgspec import Raw

from schemas.approval import Decision, Question
from schemas.errors import WorkbenchError
from schemas.event import NodeLoss, NodeWait
from schemas.refs import Ref, refs_in
from schemas.status import NodeStatus, WaitReason
from workbench.bus.results import Received, Verdict
from workbench.engine.artifact_uploader import ArtifactUploader
from workbench.engine.failure_reporter import FailureReporter
from workbench.engine.lease import Lost
from workbench.engine.leased_calls import LeasedCalls
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
    Parts,
    Receive,
    Refused,
    Request,
    Whole,
)
from workbench.engine.running_segment import RunningSegment
from workbench.engine.series_reporter import SeriesReporter
from workbench.engine.slot_parts import SlotParts
from workbench.store.damage import LOST, Condition, discard


class RequestHandler:
    """The request handler of one segment. Methods block for the store and the bus."""

    def __init__(
        self,
        parts: SlotParts,
        segment: RunningSegment,
        calls: LeasedCalls,
        uploader: ArtifactUploader,
        failures: FailureReporter,
        series: SeriesReporter,
    ) -> None:
        self._bus = parts.bus
        self._objects = parts.objects
        self._cache = parts.cache
        self._executor = parts.executor
        self._renewer = parts.renewer
        self._segment = segment
        self._leased = segment.leased
        self._calls = calls
        self._uploader = uploader
        self._failures = failures
        self._series = series

    def answer(self, request: Request) -> None:
        """Raises Lost if the lease is lost, and Closed if the executor has ended."""
        try:
            answer = self._answer_to(request)
        except WorkbenchError as error:
            answer = Refused(request.id, error.info())
        except Lost:
            self._executor.give_up(request)
            raise
        self._executor.send(answer)

    def _answer_to(self, request: Request) -> Answer:
        node = request.node
        if isinstance(request, Fetch):
            path = self._fetch(node, request.ref)
            return GivenUp(request.id) if path is None else Fetched(request.id, str(path))
        if isinstance(request, Claim):
            claimed = self._claim(node, request.key, request.computation)
            return Outcome(request.id, claimed) if isinstance(claimed, Verdict) else Known(request.id, Raw(claimed))
        if isinstance(request, Ask):
            decision = self._ask(node, request.question)
            return Outcome(request.id, Verdict.PARKED) if decision is None else Decided(request.id, decision)
        if isinstance(request, Receive):
            return self._receive(request)
        assert isinstance(request, Failed), request
        self._uploader.upload()
        return Outcome(request.id, self._failures.failed(node, request.failure))

    def _fetch(self, node: str, ref: Ref) -> Path | None:
        """Fetch the artifact.

        If its bytes are lost and nodes of this job made them, those nodes run again first, and the segment is returned
        (None)."""

        def fetch() -> Path:
            return self._cache.fetch(ref, self._objects)

        try:
            return self._calls.store(fetch)
        except WorkbenchError as error:
            makers = self._segment.makers_of(ref, node) if error.code in LOST else []
            if not makers:
                raise
            if self._calls.store(lambda: discard(self._objects, ref)) is Condition.GOOD:
                return self._calls.store(fetch)
            why = NodeWait(reason=WaitReason.INPUT_LOST, artifact=ref.sha256).to_json()
            loss = NodeLoss(artifact=ref.sha256, reader=node).to_json()
            verdict = self._calls.bus(lambda: self._bus.remake(self._leased.lease, node, makers, why=why, loss=loss))
            self._segment.log.warning(
                "stored bytes are lost", node=node, artifact=ref.sha256, makers=makers, verdict=verdict.value
            )
            if verdict is Verdict.FINAL:
                raise
            if verdict is not Verdict.RETRY:
                raise self._leased.lose(verdict) from error
            self._renewer.forget(self._leased)  # the lease is free
            return None

    def _claim(self, node: str, key: str, computation: str) -> Verdict | bytes:
        """The node's cached result as JSON; OK if this node must compute it; PARKED or BUSY if another one does."""
        why = NodeWait(reason=WaitReason.SAME_COMPUTATION, content_key=computation).to_json()

        def claim(look: bool) -> tuple[Verdict, bytes | None]:
            # Read the lease at each try, because it may have been adopted under another fence.
            park = self._segment.chain
            return self._bus.claim(self._leased.lease, node, key, computation, look=look, park=park, why=why)

        look = True
        while True:
            verdict, found = self._calls.bus(functools.partial(claim, look))
            if verdict is Verdict.OK:
                self._leased.claims[node] = computation
                return verdict
            if verdict is Verdict.PARKED:
                self._renewer.forget(self._leased)  # the lease is free
                self._segment.log.debug("waiting for the same computation elsewhere", node=node)
            if verdict in (Verdict.PARKED, Verdict.BUSY):
                return verdict
            if found is None:
                raise self._leased.lose(verdict)
            made = refs_in(orjson.loads(found)["output"])
            if self._calls.store(functools.partial(self._objects.has_all, made)):
                return found
            look = False  # its artifacts do not exist any more, so compute it again

    def _ask(self, node: str, question: Question) -> Decision | None:
        """The person's decision; None if the job waits for it without this worker."""
        why = NodeWait(reason=WaitReason.APPROVAL, question=question).to_json()
        verdict, found = self._calls.bus(lambda: self._bus.ask(self._leased.lease, node, why))
        if verdict is Verdict.PARKED:
            self._renewer.forget(self._leased)  # the lease is free
            self._segment.log.info("waiting for a person", node=node)
            return None
        if found is None:
            raise self._leased.lose(verdict)
        return Decision.model_validate_json(found)

    def _receive(self, request: Receive) -> Answer:
        """The next parts of a producer, or its result after the last part; PARKED if the segment now waits for it."""
        why = NodeWait(reason=WaitReason.NEXT_PART, producer=request.producer).to_json()
        so_far = None if request.so_far is None else request.so_far.encode()
        if so_far is not None:
            self._series.report()  # the lease may end here

        def receive() -> tuple[Verdict, Received]:
            lease = self._leased.lease
            got = self._bus.receive(lease, request.node, request.producer, request.index, why, so_far)
            return got.verdict, got

        verdict, got = self._calls.bus(receive)
        earlier = got.earlier.decode()
        if verdict is Verdict.PARTS:
            self._segment.received.setdefault(request.producer, []).extend(got.parts)
            return Parts(request.id, [Raw(part) for part in got.parts], got.computation, earlier)
        if verdict is Verdict.END:
            self._leased.ends[request.producer] = (NodeStatus.COMPLETED, got.result)
            return Whole(request.id, Raw(got.result), earlier)
        if verdict is Verdict.OK:
            return Outcome(request.id, verdict)
        if verdict is not Verdict.PARKED:
            raise self._leased.lose(verdict)
        self._renewer.forget(self._leased)  # the lease is free
        return Outcome(request.id, verdict)
