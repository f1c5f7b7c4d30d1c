"""Reports failed attempts to the bus: those that the executor reports, and those in which it died or was too slow."""

from __future__ import annotations

import time

from schemas.errors import ErrorInfo
from schemas.event import NodeFailure, NodeWait
from schemas.status import NodeStatus, WaitReason
from workbench.bus.results import Verdict
from workbench.crash_points import CrashPoint, reached
from workbench.engine.binding import summary
from workbench.engine.lease import Lost, release
from workbench.engine.leased_calls import LeasedCalls
from workbench.engine.retry_policy import delay_s
from workbench.engine.running_segment import RunningSegment
from workbench.engine.series_reporter import SeriesReporter
from workbench.engine.slot_parts import SlotParts
from workbench.metrics import NODES


class FailureReporter:
    """The failure reporter of one segment. Methods block for the bus."""

    def __init__(self, parts: SlotParts, segment: RunningSegment, calls: LeasedCalls, series: SeriesReporter) -> None:
        self._bus = parts.bus
        self._executor = parts.executor
        self._segment = segment
        self._calls = calls
        self._series = series

    def failed(self, node: str, failure: NodeFailure) -> Verdict:
        """Handle a failed attempt that the executor reports: RETRY, or FINAL if the node failed permanently.

        Raises Lost.
        """
        verdict = self._report(node, failure)
        if verdict is Verdict.FINAL:
            self._segment.leased.ends[node] = (NodeStatus.FAILED, failure.to_json())
            self._segment.settle(node)
        else:
            self._segment.started.pop(node, None)
        return verdict

    def crashed(self, code: str, message: str, node: str = "", **details: str) -> None:
        """Fail the attempt of an executor that died or was too slow. Report first, then start another process."""
        segment, leased = self._segment, self._segment.leased
        node = node or next(iter(segment.started), "") or min(segment.open)
        # From here on the supervisor keeps the lease, or adopts it after the bus was unreachable, although the executor
        # is dead.
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
            if self._report(node, failure) is Verdict.FINAL:  # the following nodes run elsewhere
                release(self._bus, leased.lease, leased.worker)
        except Lost:
            segment.log.info("the segment was lost together with its executor", node=node)
            if leased.lost is None:
                release(self._bus, leased.lease, leased.worker)

    def _report(self, node: str, failure: NodeFailure) -> Verdict:
        pause_s = delay_s(failure.attempt, failure.error.code)
        why = NodeWait(reason=WaitReason.RETRY_AT, delay_s=pause_s, attempt=failure.attempt + 1).to_json()
        leased, body = self._segment.leased, failure.to_json()
        self._series.report()  # the last points before a failure are those that explain it
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
