"""Reports the points of metric series to the bus, as few events however many steps a node makes."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from schemas.series import NodeSeries
from workbench.bus.results import Verdict
from workbench.engine.leased_calls import LeasedCalls
from workbench.engine.messages import SeriesMade
from workbench.engine.running_segment import RunningSegment
from workbench.engine.series_buffer import SeriesBuffer
from workbench.engine.slot_parts import SlotParts

# Events are kept with the job, so a long training reports less often: after 1 % of its time, within these bounds.
# Three hours are about 700 events.
SHARE = 0.01
LEAST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0


@dataclass
class _Unsent:
    """The points of a node."""

    buffer: SeriesBuffer = field(default_factory=SeriesBuffer)
    began: float = field(default_factory=time.monotonic)
    due: float = 0.0


class SeriesReporter:
    """The reporter of one segment. Methods block for the bus and raise Lost."""

    def __init__(self, parts: SlotParts, segment: RunningSegment, calls: LeasedCalls) -> None:
        self._bus = parts.bus
        self._leased = segment.leased
        self._calls = calls
        self._nodes: dict[str, _Unsent] = {}

    def take(self, message: SeriesMade) -> None:
        """Keep the points that an executor sends, until they are due."""
        unsent = self._nodes.setdefault(message.node, _Unsent())
        for name, points in message.points.items():
            unsent.buffer.add(name, points)

    def report_due(self) -> None:
        """Report the points of the nodes whose last report is long enough ago."""
        now = time.monotonic()
        for node, unsent in self._nodes.items():
            if unsent.buffer and now >= unsent.due:
                unsent.due = now + min(LONGEST_PAUSE_S, max(LEAST_PAUSE_S, SHARE * (now - unsent.began)))
                self._report(node, unsent)

    def report(self) -> None:
        """Report all points, because an attempt ends or the node leaves its worker."""
        for node, unsent in self._nodes.items():
            if unsent.buffer:
                self._report(node, unsent)

    def _report(self, node: str, unsent: _Unsent) -> None:
        data = NodeSeries(points=unsent.buffer.take()).to_json()
        verdict = self._calls.bus(lambda: self._bus.series(self._leased.lease, node, data))
        if verdict is not Verdict.OK:
            raise self._leased.lose(verdict)
