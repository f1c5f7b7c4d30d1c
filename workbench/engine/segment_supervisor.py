"""Supervises an executor that runs one taken segment, and commits its results."""

from __future__ import annotations

import contextlib
import time

from schemas.errors import WorkbenchError
from schemas.event import Progress
from schemas.status import NodeStatus
from workbench.bus.results import Lease, Offer, Taken, Verdict
from workbench.crash_points import CrashPoint, reached
from workbench.engine.artifact_uploader import ArtifactUploader
from workbench.engine.failure_reporter import FailureReporter
from workbench.engine.lease import Lost, release
from workbench.engine.leased_calls import POLL_S, LeasedCalls
from workbench.engine.messages import (
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
    SeriesMade,
    Skipped,
    Started,
    Stored,
)
from workbench.engine.request_handler import RequestHandler
from workbench.engine.running_segment import RunningSegment
from workbench.engine.series_reporter import SeriesReporter
from workbench.engine.slot_parts import SlotParts
from workbench.engine.wire import Closed
from workbench.metrics import COMMITS, NODE_SECONDS, NODES


class SegmentSupervisor:
    """The supervisor of one segment.

    Args:
        then_take: the worker's offer, if the next take is sent together with the segment's last commit.
    """

    def __init__(self, parts: SlotParts, segment: RunningSegment, then_take: Offer | None) -> None:
        self._parts = parts
        self._bus = parts.bus
        self._executor = parts.executor
        self._segment = segment
        self._leased = segment.leased
        self._then_take = then_take
        self._calls = LeasedCalls(segment, parts.shutdown)
        self._uploader = ArtifactUploader(parts, segment, self._calls)
        self._series = SeriesReporter(parts, segment, self._calls)
        self._failures = FailureReporter(parts, segment, self._calls, self._series)
        self._requests = RequestHandler(parts, segment, self._calls, self._uploader, self._failures, self._series)
        self._ended = False  # the executor has ended the run
        self._held = False  # it starts no further node: it got Hold, or a node was edited

    def run(self) -> Taken | None:
        """Run the segment until it ends. Returns the next one if it came with the last commit."""
        self._parts.renewer.watch(self._leased)
        try:
            self._executor.mark_log()
            self._executor.send(self._segment.command())
            return self._handle_messages()
        except Lost:
            self._segment.log.info("segment lost", reason=str(self._leased.lost or "draining"))
            if self._leased.lost is None:  # still leased, but this worker stops, so another one continues at once
                self._release(self._leased.lease)
            self._cancel_run()
        except Closed:
            if self._segment.open:
                death = self._executor.describe_death()
                self._failures.crashed("node.crashed", f"the node's process died: {death}")
            self._executor.stop()  # after the last node its end has no effect
        except WorkbenchError as error:  # the output cannot be stored: the store refuses it, or a disk is full
            self._failures.crashed(error.code, error.message, remedy=error.remedy)
            self._cancel_run()
        finally:
            self._parts.renewer.forget(self._leased)
            self._uploader.close()
        return None

    def _handle_messages(self) -> Taken | None:
        """Handle the executor's messages until the segment's last node is committed. Raises Lost, Closed."""
        while True:
            self._check_state()
            message = self._executor.receive(POLL_S)
            if message is None or getattr(message, "run", self._segment.number) != self._segment.number:
                continue
            if isinstance(message, Done):
                taken = self._commit_or_give_up(message)
                if not self._segment.open:
                    return taken
                if self._parts.shutdown.draining and self._segment.chain:
                    raise Lost  # in branches other nodes may still run; End follows them
            elif isinstance(message, End):
                if self._held and self._segment.open and self._leased.lost is None:
                    self._release(self._leased.lease)
                return None  # open nodes were skipped on the bus, or are enqueued again
            else:
                self._handle(message)

    def _handle(self, message: FromExecutor) -> None:
        """Handle a report or a request. Raises Lost, Closed."""
        if isinstance(message, Edited):  # unstarted nodes are returned unchanged
            self._held = True
            self._executor.check_sources_soon()
            self._parts.models.read_soon()
        elif isinstance(message, Started):
            self._segment.started[message.node] = time.monotonic()
        elif isinstance(message, Skipped):
            self._segment.settle(message.node)
        elif isinstance(message, ProgressMade):
            self._leased.report(Progress(node=message.node, done=message.done, total=message.total, unit=message.unit))
        elif isinstance(message, Stored):
            self._uploader.saved(message.ref)
        elif isinstance(message, PartDone):
            self._uploader.part(message)
        elif isinstance(message, Models):
            self._executor.models = message.keys
        elif isinstance(message, SeriesMade):
            self._series.take(message)
        elif isinstance(message, Logged):
            self._leased.add_log(message.node, message.line)
        elif isinstance(message, Previewed):
            self._uploader.preview(message)
        elif isinstance(message, Request):
            self._requests.answer(message)

    def _check_state(self) -> None:
        if self._leased.lost is not None or self._parts.shutdown.stopping:
            raise Lost
        if self._parts.shutdown.draining and not self._held:
            self._executor.send(Hold(self._segment.number))
            self._held = True
        node = self._segment.overdue()
        if node is not None:
            self._cancel_run()
            message = f"the node exceeded its timeout of {self._segment.timeout_s(node):g} s"
            self._failures.crashed("node.timeout", message, node)
            raise Lost
        self._series.report_due()

    def _commit_or_give_up(self, message: Done) -> Taken | None:
        """Commit. The executor of a batch job waits for the response."""
        try:
            return self._commit(message)
        except Lost:
            self._executor.give_up(message)
            raise

    def _commit(self, message: Done) -> Taken | None:
        self._uploader.upload()
        self._series.report()
        node, body = message.node, bytes(message.body)  # not parsed here
        shutdown = self._parts.shutdown
        last = self._segment.open == {node} and not shutdown.draining and not shutdown.stopping

        def commit() -> tuple[Verdict, Taken | None]:
            return self._bus.commit(
                self._leased.lease,
                node,
                body,
                start=self._leased.start_data(),
                content_key=message.key,
                seen=self._uploader.round,
                worker=self._leased.worker,
                then_take=self._parts.pool if last and self._then_take else None,
                offer=self._then_take,
            )

        reached(CrashPoint.COMMIT_UPLOADED)
        verdict, taken = self._calls.bus(commit)
        while verdict is Verdict.ROUND:
            if taken is not None:  # it came with a refused commit
                self._release(taken.lease)
            self._uploader.upload_again()
            verdict, taken = self._calls.bus(commit)
        reached(CrashPoint.COMMIT_ANSWERED)
        COMMITS.labels(self._parts.pool, verdict.value).inc()
        if verdict not in (Verdict.OK, Verdict.AGAIN, Verdict.YIELD):
            if taken is not None:
                self._release(taken.lease)
            raise self._leased.lose(verdict)
        self._leased.ends[node] = (NodeStatus.COMPLETED, body)
        self._count(node)
        self._executor.mark_log()
        self._segment.settle(node)
        if verdict is Verdict.YIELD:
            self._parts.renewer.forget(self._leased)
            self._segment.log.debug("interactive work goes first", node=node)
        if message.id:
            with contextlib.suppress(Closed):  # the next receive reports it; the taken segment is not lost
                self._executor.send(Outcome(message.id, verdict))
        return taken

    def _count(self, node: str) -> None:
        service = self._segment.node(node).service
        NODES.labels(service, "completed").inc()
        if node in self._segment.started:
            NODE_SECONDS.labels(service).observe(time.monotonic() - self._segment.started[node])

    def _cancel_run(self) -> None:
        """Cancel the executor's run."""
        if not self._ended:
            self._ended = self._executor.cancel_run(self._segment.number)

    def _release(self, lease: Lease) -> None:
        release(self._bus, lease, self._leased.worker)
