"""Tells the bus of failed attempts: those that the executor reports, and those that it did not live to report."""

from __future__ import annotations

import time

from schemas.errors import ErrorInfo
from schemas.event import NodeFailure, NodeWait
from schemas.status import NodeStatus, WaitReason
from workbench.bus.answers import Verdict
from workbench.crash_points import CrashPoint, reached
from workbench.engine.binding import summary
from workbench.engine.lease import Lost, release
from workbench.engine.leased_calls import LeasedCalls
from workbench.engine.retry_policy import delay_s
from workbench.engine.running_segment import RunningSegment
from workbench.engine.slot_parts import SlotParts
from workbench.metrics import NODES


class FailureReporter:
    """Of one segment. Methods block for the bus."""

    def __init__(self, parts: SlotParts, segment: RunningSegment, calls: LeasedCalls) -> None:
        self._bus = parts.bus
        self._executor = parts.executor
        self._segment = segment
        self._calls = calls

    def failed(self, node: str, failure: NodeFailure) -> Verdict:
        """The executor reports a failed attempt: RETRY, or FINAL where the node failed for good. Raises Lost."""
        verdict = self._tell(node, failure)
        if verdict is Verdict.FINAL:
            self._segment.leased.ends[node] = (NodeStatus.FAILED, failure.to_json())
            self._segment.settle(node)
        else:
            self._segment.started.pop(node, None)
        return verdict

    def crashed(self, code: str, message: str, node: str = "", **details: str) -> None:
        """The executor died or was too slow: a failed attempt at once. Hand back first, then start another process."""
        segment, leased = self._segment, self._segment.leased
        node = node or next(iter(segment.started), "") or min(segment.open)
        # From here the supervisor speaks for the segment: its lease is kept, or adopted after a bus that was away,
        # without the executor whose life it depended on.
        leased.alive = lambda: True
        info = ErrorInfo(
            message=message,
            code=code,
            details={
                "where": f"node {node}",
                "node": node,
                "service": segment.node(node).service,
                "input": summary(segment.node(node).input, leased.outputs()),
                "log": self._executor.log_tail(),
                "logFile": str(self._executor.log_path),
                **details,
            },
        )
        failure = NodeFailure(
            error=info, worker=leased.worker, attempt=segment.attempt, again=True, finished_at=time.time()
        )
        try:
            if self._tell(node, failure) is Verdict.FINAL:  # what the failure leads to runs elsewhere
                release(self._bus, leased.lease, leased.worker)
        except Lost:
            segment.log.info("segment was lost with its executor", node=node)
            if leased.lost is None:
                release(self._bus, leased.lease, leased.worker)

    def _tell(self, node: str, failure: NodeFailure) -> Verdict:
        pause_s = delay_s(failure.attempt, failure.error.code)
        why = NodeWait(reason=WaitReason.RETRY_AT, delay_s=pause_s, attempt=failure.attempt + 1).to_json()
        leased, body = self._segment.leased, failure.to_json()
        reached(CrashPoint.FAIL_ASKED)
        verdict = self._calls.bus(
            lambda: self._bus.fail(
                leased.lease,
                node,
                body,
                retry=failure.again,
                start=leased.start_data(),
                delay_s=pause_s,
                why=why,
            )
        )
        reached(CrashPoint.FAIL_ANSWERED)
        NODES.labels(self._segment.node(node).service, "retried" if verdict is Verdict.RETRY else "failed").inc()
        self._segment.log.warning(
            "node failed",
            node=node,
            attempt=failure.attempt,
            verdict=verdict.value,
            retry_in_s=pause_s if verdict is Verdict.RETRY else None,
            code=failure.error.code,
            error=failure.error.message,
        )
        return verdict
