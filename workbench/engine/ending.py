"""How work on a segment ends before its last node: the executor dies or is too slow, or the segment is given up."""

from __future__ import annotations

import time

import structlog

from schemas.errors import ErrorInfo
from schemas.event import NodeFailure
from workbench.bus.answers import Verdict
from workbench.bus.bus import Bus
from workbench.bus.connection import BUS_AWAY
from workbench.crash_points import CrashPoint, reached
from workbench.engine.active import Active
from workbench.engine.answering import Answering
from workbench.engine.binding import summary
from workbench.engine.child import Child
from workbench.engine.messages import Cancel, End, Request
from workbench.engine.patience import POLL_S, Lost
from workbench.engine.wire import Closed
from workbench.engine.work import Work, log_of

log = structlog.get_logger()
GRACE_S = 1.0  # asked first, killed after this


class Ending:
    """Ends what one executor works on. Methods block and raise nothing."""

    def __init__(self, bus: Bus, child: Child, answering: Answering) -> None:
        self.bus = bus
        self.child = child
        self.answering = answering

    def crashed(self, work: Work, code: str, message: str, node: str = "", **details: str) -> None:
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
        failure = NodeFailure(
            error=info, worker=work.active.worker, attempt=work.attempt, again=True, finished_at=time.time()
        )
        try:
            verdict = self.answering.fail(work, node, failure)
            if verdict is Verdict.FINAL:
                self.release(work.active)  # the node failed for good; what its failure leads to runs elsewhere
        except Lost:
            log_of(work).info("segment was lost with its executor", node=node)
            if work.active.lost is None:
                self.release(work.active)
        if code == "node.crashed":  # an executor that let go in time keeps its models
            self.child.stop()

    def abandon(self, work: Work) -> None:
        """Have the executor let go of a segment that is not worked on any more."""
        if self.child.alive and not work.ended:
            try:
                self.child.send(Cancel(work.number))
            except Closed:
                return
            self.await_end(work)

    def await_end(self, work: Work) -> None:
        """Wait a second for the executor to let go; then kill it."""
        deadline = time.monotonic() + GRACE_S
        while time.monotonic() < deadline:
            try:
                message = self.child.receive(POLL_S)
            except Closed:
                return
            if message is None:
                continue
            if isinstance(message, End) and message.run == work.number:
                work.ended = True
                return
            if isinstance(message, Request) and message.id:
                self.answering.give_up(message.id)
        self.child.stop()

    def release(self, active: Active) -> None:
        """Give the lease back: another goes on with what is open. A bus that is away lets it expire."""
        try:
            reached(CrashPoint.RELEASE_ASKED)
            self.bus.release(active.lease)
            reached(CrashPoint.RELEASE_ANSWERED)
        except BUS_AWAY as error:
            log.info(
                "lease left to expire",
                worker=active.worker,
                job=active.lease.job,
                fence=active.lease.fence,
                error=str(error),
            )
