"""Watches a job: its events in order after any cursor, and the latest progress of running nodes.

A watcher that was closed, reloaded or late continues at its cursor. Events that the bus has forgotten come from SQL.
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
from workbench.bus.connection import BUS_UNREACHABLE
from workbench.store.jobs import JobStore

LOOK_EVERY_S = 0.25


@dataclass
class Update:
    """New events, new progress, or neither (after a quarter of a second)."""

    events: list[Event] = field(default_factory=list)
    progress: list[Progress] = field(default_factory=list)
    parts: dict[str, int] = field(default_factory=dict)  # node -> number of its finished parts
    bus_away: bool = False

    @property
    def final(self) -> bool:
        return any(event.type in JOB_ENDS for event in self.events)


def watch(
    job: str, bus: Bus, lookup: Callable[[str], JobRecord], store: JobStore, after: str = "0-0"
) -> Iterator[Update]:
    """Yield updates until the job's final event was yielded or is before the cursor.

    Args:
        lookup: returns the job's record; its error for an unknown job propagates.

    Blocks for a quarter of a second at most between updates.

    While the bus is unreachable, it continues to wait, and its updates have ``bus_away`` set.
    """
    # The first read does not wait, so that a job that the bus has forgotten is read from SQL at once.
    cursor, silent, block_s = after, 1, None
    nodes: list[str] = []
    looked_at = time.monotonic()  # a job that ends within a quarter of a second needs no progress
    while True:
        try:
            events = bus.events(job, cursor, block_s=block_s)
            block_s = LOOK_EVERY_S
            progress, parts = [], {}
            if time.monotonic() - looked_at >= LOOK_EVERY_S and not any(event.type in JOB_ENDS for event in events):
                looked_at, nodes = time.monotonic(), nodes or [node.id for node in lookup(job).graph.nodes]
                reported = bus.job_reader.reported({job: nodes})[job]
                progress, parts = reported.progress, reported.parts
            away = False
        except BUS_UNREACHABLE:
            events, progress, parts, away = [], [], {}, True
            time.sleep(LOOK_EVERY_S)
        silent = 0 if events else silent + 1
        if silent >= 2 and (silent % 4 == 2):  # without events for a while, the bus may have forgotten the job
            record = lookup(job)  # read before the events, so that they include the job's end
            events = list(store.events(job, cursor))
            if not events and record.status.final:
                return  # the cursor is past the end
        if events:
            cursor = events[-1].cursor
        update = Update(events, [Progress.model_validate(orjson.loads(raw)) for raw in progress], parts, away)
        yield update
        if update.final:
            return
