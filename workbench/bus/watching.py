"""Reading many jobs at once from the bus: their events with one command, their progress with one trip."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import redis

from workbench.bus.keys import Keys
from workbench.bus.queues import Queues

READ_AT_ONCE = 500  # events of a job in one answer
LOOKED_AT = 500  # entries of a queue from which positions are told

RawEvent = tuple[bytes, dict[bytes, bytes]]


@dataclass(frozen=True)
class Place:
    """Where a job's first entry stands in a queue."""

    pool: str
    before: int
    paused: str | None  # why its pool is held


class Watching:
    """Looks at jobs, and changes nothing. Raises ``connection.BUS_UNREACHABLE``. Blocking calls are for one thread."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._queues = Queues(client, keys)

    def events(self, cursors: Mapping[str, str], block_s: float) -> dict[str, list[RawEvent]]:
        """Events behind each job's cursor, by job; waits up to ``block_s`` for the first of any of them."""
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

    def reported(self, running: Mapping[str, Sequence[str]]) -> dict[str, list[bytes]]:
        """The last progress of the running nodes of each job, as JSON; absent where nothing was reported."""
        pipe = self._client.pipeline(transaction=False)
        for job, nodes in running.items():
            pipe.hmget(self._keys.progress(job), list(nodes))
        answers = pipe.execute() if running else []
        return {job: [raw for raw in answer if raw] for job, answer in zip(running, answers, strict=True)}

    def unknown(self, jobs: Iterable[str]) -> list[str]:
        """Those jobs of which the bus has no event: not there yet, or forgotten."""
        asked = list(jobs)
        pipe = self._client.pipeline(transaction=False)
        for job in asked:
            pipe.exists(self._keys.events(job))
        return [job for job, there in zip(asked, pipe.execute(), strict=True) if not there] if asked else []

    def places(self, jobs: Iterable[str]) -> dict[str, Place]:
        """The place of each job's first entry, of those that stand among the first of a queue."""
        wanted, found = set(jobs), dict[str, Place]()
        held = self._queues.held()
        before: dict[str, int] = {}
        for entry in self._queues.entries(limit=LOOKED_AT):  # by pool, and within it by lane, as they are taken
            if entry.job in wanted and entry.job not in found:
                found[entry.job] = Place(entry.pool, before.get(entry.pool, 0), held.pools.get(entry.pool))
            before[entry.pool] = before.get(entry.pool, 0) + 1
        return found
