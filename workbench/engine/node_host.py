"""Sends a node's requests to its context as messages to the supervisor."""

from __future__ import annotations

import math
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

import orjson
from msgspec import Raw

from nodes.context import Cancelled
from schemas.approval import Decision, Question
from schemas.errors import WorkbenchError
from schemas.event import LOG_CHARS, LOG_LINES, LogLine
from schemas.refs import Ref
from schemas.series import MOST_SERIES
from workbench.engine.messages import (
    Ask,
    Decided,
    Fetch,
    Fetched,
    Logged,
    PartDone,
    Previewed,
    ProgressMade,
    SeriesMade,
    Stored,
)
from workbench.engine.run_state import RunState
from workbench.engine.series_buffer import SeriesBuffer

SERIES_EVERY_S = 0.25


class NodeHost:
    """The ``nodes.context.Host`` of one node in a worker."""

    def __init__(self, state: RunState, node: str, *, asks: bool = False) -> None:
        self._state = state
        self._link = state.link
        self._at = (state.number, node)
        self._asks = asks
        self.metrics: dict[str, float] = {}
        self.log_lines: deque[LogLine] = deque(maxlen=LOG_LINES)
        self._series = SeriesBuffer()
        self._series_names: set[str] = set()
        self._series_full = False
        self._series_at = 0.0
        self._not_finite: set[str] = set()

    def fetch(self, ref: Ref) -> Path:
        path = self._state.executor.cache.path(ref)
        if path is not None:
            return path
        answer = self._link.ask(Fetch(*self._at, ref))
        assert isinstance(answer, Fetched), answer
        return Path(answer.path)

    def store(self, path: Path, ref: Ref) -> None:
        self._state.executor.cache.add(path, ref)
        self._link.send(Stored(*self._at, ref))

    def progress(self, done: float, total: float, unit: str) -> None:
        self._link.send(ProgressMade(*self._at, float(done), float(total), unit))
        self.send_series()

    def preview(self, path: Path, media_type: str) -> None:
        self._link.send(Previewed(*self._at, str(path), media_type))

    def metric(self, name: str, value: float, step: int | None) -> None:
        if not math.isfinite(value):  # JSON has no such number, and the last finite value would be wrong
            self.metrics.pop(name, None)
            if name not in self._not_finite:  # a training that diverges says so at every step
                self._not_finite.add(name)
                print(f"node {self._at[1]}: metric {name} is {value} and is not recorded", file=sys.stderr)
            return
        self.metrics[name] = value
        if step is not None:
            self._add_point(name, value, step)

    def _add_point(self, name: str, value: float, step: int) -> None:
        if name not in self._series_names:
            if len(self._series_names) == MOST_SERIES:
                if not self._series_full:
                    self._series_full = True
                    self.log(f"{name} and further metrics have no curve, because there are {MOST_SERIES}")
                return
            self._series_names.add(name)
        self._series.add(name, [(step, value, round(time.time(), 3))])
        if time.monotonic() - self._series_at >= SERIES_EVERY_S:
            self.send_series()

    def send_series(self) -> None:
        """Send the points of metrics that the supervisor does not have."""
        if points := self._series.take():
            self._series_at = time.monotonic()
            self._link.send(SeriesMade(*self._at, points))

    def log(self, text: str) -> None:
        words = " ".join(text.split())
        short = words if len(words) <= LOG_CHARS else words[: LOG_CHARS - 1] + "…"
        line = LogLine(at=round(time.time(), 3), text=short)
        self.log_lines.append(line)
        self._link.send(Logged(*self._at, line))

    def part(self, index: int, part: dict[str, Any]) -> None:
        self._link.send(PartDone(*self._at, index, Raw(orjson.dumps(part))))

    def ask(self, question: Question) -> Decision:
        if not self._asks:
            raise WorkbenchError(
                "node.bad_declaration",
                "the node asks a person, but does not declare it",
                where=f"node {self._at[1]}",
                remedy="Declare it with @node(…, asks=True).",
            )
        answer = self._link.ask(Ask(*self._at, question))
        if not isinstance(answer, Decided):  # the segment waits for the decision without this executor
            raise Cancelled
        return answer.decision

    def cancelled(self) -> bool:
        return self._state.cancelled
