"""Reads many jobs from the bus at once: their events with one command, their progress with one trip."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import redis

from workbench.bus.fields import NodeField
from workbench.bus.keys import Keys
from workbench.bus.queues import Queues

READ_AT_ONCE = 500  # events of a job in one response
PLACES_LIMIT = 500  # queue entries for which places are computed

RawEvent = tuple[bytes, dict[bytes, bytes]]


@dataclass(frozen=True)
class Place:
    """The place of a job's first entry in a queue."""

    pool: str
    before: int
    paused: str | None  # reason why its pool is paused, if it is


@dataclass(frozen=True)
class Reported:
    """What the nodes of a job have reported.

    Attributes:
        progress: of each node that reported any, as JSON.
        parts: number of finished parts, by node. Progress may be older: a node that gives its lease back to wait for
            its next input does not report the last part before that.
    """

    progress: list[bytes]
    parts: dict[str, int]


class JobReader:
    """Reads jobs without changing them. Raises ``connection.BUS_UNREACHABLE``. Blocking calls are for one thread."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._queues = Queues(client, keys)

    def events(self, cursors: Mapping[str, str], block_s: float) -> dict[str, list[RawEvent]]:
        """Events after each job's cursor, by job. Waits up to ``block_s`` for the first event of any job."""
        names = {self._keys.events(job): job for job in cursors}
        streams: Any = {name: cursors[job] for name, job in names.items()}
        answer = cast("Any", self._client.xread(streams, count=READ_AT_ONCE, block=max(1, int(block_s * 1000))))
        return {names[name.decode()]: entries for name, entries in answer or []}

    def history(self, job: str) -> list[RawEvent]:
        """All events of a job that the bus still has."""
        found: list[RawEvent] = []
        while True:
            after = f"({found[-1][0].decode()}" if found else "-"
            page = cast("Any", self._client.xrange(self._keys.events(job), min=after, count=READ_AT_ONCE))
            found += page
            if len(page) < READ_AT_ONCE:
                return found

    def reported(self, nodes: Mapping[str, Sequence[str]]) -> dict[str, Reported]:
        """The latest progress of these nodes of each job."""
        pipe = self._client.pipeline(transaction=False)
        for job, names in nodes.items():
            pipe.hmget(self._keys.progress(job), list(names))
            pipe.hmget(self._keys.job(job), [NodeField.PARTS.of(name) for name in names])
        answers = pipe.execute() if nodes else []
        return {
            job: Reported(
                [raw for raw in progress if raw],
                {name: int(count) for name, count in zip(names, counts, strict=True) if count},
            )
            for (job, names), progress, counts in zip(nodes.items(), answers[0::2], answers[1::2], strict=True)
        }

    def unknown(self, jobs: Iterable[str]) -> list[str]:
        """The jobs of which the bus has no event: not added yet, or forgotten."""
        asked = list(jobs)
        pipe = self._client.pipeline(transaction=False)
        for job in asked:
            pipe.exists(self._keys.events(job))
        return [job for job, there in zip(asked, pipe.execute(), strict=True) if not there] if asked else []

    def places(self, jobs: Iterable[str]) -> dict[str, Place]:
        """The place of each job's first entry, among the first entries of the queues."""
        wanted, found = set(jobs), dict[str, Place]()
        held = self._queues.held()
        before: dict[str, int] = {}
        for entry in self._queues.entries(limit=PLACES_LIMIT):  # by pool and lane, in the order in which they are taken
            if entry.job in wanted and entry.job not in found:
                found[entry.job] = Place(entry.pool, before.get(entry.pool, 0), held.pools.get(entry.pool))
            before[entry.pool] = before.get(entry.pool, 0) + 1
        return found
