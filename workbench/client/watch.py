"""Watching a job: its events in order from any cursor on, and the last progress of the nodes that run.

A watcher that was closed, reloaded or late goes on from its cursor. What the bus has forgotten comes from SQL.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import orjson

from schemas.event import Event, Progress
from schemas.folding import JOB_ENDS
from schemas.job import JobRecord
from workbench.bus.bus import Bus
from workbench.bus.connection import BUS_AWAY
from workbench.store.jobs import JobStore

LOOK_EVERY_S = 0.25


@dataclass
class Update:
    """What is new: events, progress, or neither (a quarter of a second went by)."""

    events: list[Event] = field(default_factory=list)
    progress: dict[str, Progress] = field(default_factory=dict)
    bus_away: bool = False

    @property
    def final(self) -> bool:
        return any(event.type in JOB_ENDS for event in self.events)


def watch(
    job: str, bus: Bus, lookup: Callable[[str], JobRecord], store: JobStore, after: str = "0-0"
) -> Iterator[Update]:
    """Yield updates until the job's final event was yielded or lies before the cursor.

    Args:
        lookup: the job's record; what it raises for a job that nobody knows comes out of here.

    Blocks between them for a quarter of a second at most.

    While the bus is away it keeps waiting, and says so in its updates.
    """
    # The first look does not wait: a job that the bus has forgotten is read from SQL at once.
    cursor, silent, block_s = after, 1, None
    looked_at = time.monotonic()  # a job that is done within a quarter of a second needs no bar
    while True:
        try:
            events = bus.events(job, cursor, block_s=block_s)
            block_s = LOOK_EVERY_S
            progress = {}
            if time.monotonic() - looked_at >= LOOK_EVERY_S and not any(event.type in JOB_ENDS for event in events):
                looked_at, progress = time.monotonic(), bus.progress(job)
            away = False
        except BUS_AWAY:
            events, progress, away = [], {}, True
            time.sleep(LOOK_EVERY_S)
        silent = 0 if events else silent + 1
        if silent >= 2 and (silent % 4 == 2):  # nothing came for a while: the bus may have forgotten the job
            record = lookup(job)  # asked first: what ends it is then among the events
            events = list(store.events(job, cursor))
            if not events and record.status.final:
                return  # the cursor stands behind the end
        if events:
            cursor = events[-1].cursor
        update = Update(
            events, {node: Progress.model_validate(orjson.loads(raw)) for node, raw in progress.items()}, away
        )
        yield update
        if update.final:
            return
