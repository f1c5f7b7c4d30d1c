"""A followed job: its events, and the state that its watchers see."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field

from schemas.event import Event
from workbench.client.live.state import LiveJob

Number = tuple[int, int]  # epoch and sequence of an event


@dataclass(frozen=True)
class Snapshot:
    """A job's published state at one moment."""

    version: int
    state: bytes  # a LiveUpdate without cursor and events, as JSON
    count: int  # number of events up to this state
    final: bool


@dataclass
class FollowedJob:
    """A followed job. Only the reader changes it: it replaces ``shown`` as a whole and appends to ``events``."""

    job: str
    owner: str
    live: LiveJob
    numbers: list[Number] = field(default_factory=list)
    events: list[bytes] = field(default_factory=list)  # as JSON
    written_at: list[float] = field(default_factory=list)  # on their writers' clocks
    shown: Snapshot = Snapshot(0, b"", 0, False)
    watchers: int = 0
    event_at: float = 0.0  # when events were last received
    paused_until: float = 0.0  # not read before this time, because SQL was unreachable
    ended_at: float = 0.0  # when its end was received

    @property
    def cursor(self) -> str:
        """Number of the last event."""
        return self.cursor_at(len(self.numbers))

    def place_of(self, cursor: str) -> int:
        """The number of its events up to the cursor."""
        epoch, _, seq = cursor.partition("-")
        return bisect_right(self.numbers, (int(epoch), int(seq)))

    def cursor_at(self, count: int) -> str:
        """The cursor after the first ``count`` events."""
        return "{}-{}".format(*self.numbers[count - 1]) if count else "0-0"

    def add(self, events: Iterable[Event]) -> bool:
        """Add the events that are newer than the existing ones. Returns whether there were any."""
        before = len(self.numbers)
        for event in events:
            number = (event.epoch, event.seq)
            if self.numbers and number <= self.numbers[-1]:
                continue
            self.live.see(event)
            self.events.append(event.to_json())
            self.written_at.append(event.at)
            self.numbers.append(number)
        if grown := len(self.numbers) > before:
            self.event_at = time.monotonic()
            if self.live.ended:
                self.ended_at = self.ended_at or self.event_at
        return grown

    def continues_with(self, event: Event) -> bool:
        """Whether no event is missing between the known ones and this one."""
        if not self.numbers:
            return event.seq == 1 and event.epoch <= 1
        epoch, seq = self.numbers[-1]
        return (event.epoch, event.seq) == (epoch, seq + 1)

    def show(self) -> bool:
        """Publish the state if it has changed. Returns whether it has."""
        state = self.live.state().model_dump_json(by_alias=True, exclude={"cursor", "events"}).encode()
        if state == self.shown.state and len(self.numbers) == self.shown.count:
            return False
        self.shown = Snapshot(self.shown.version + 1, state, len(self.numbers), self.live.ended)
        return True
