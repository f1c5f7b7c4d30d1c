"""Reads a deployment's queues and workers, and pauses or drains them. No method moves a job."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

import redis

from schemas.status import FINAL_JOB_STATUSES
from workbench.bus import decode
from workbench.bus.fields import EntryField, HeldField, JobField, SegmentField
from workbench.bus.keys import LANES, Keys
from workbench.bus.results import OperatorHolds, Queued

_JOB, _SEGMENT = EntryField.JOB.value.encode(), EntryField.SEGMENT.value.encode()
_FINAL = {status.value for status in FINAL_JOB_STATUSES}


class Queues:
    """The queues of a deployment. The client may be shared with its ``Bus``. Raises ``connection.BUS_UNREACHABLE``."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    def pools(self) -> list[str]:
        """All pools that jobs on this bus have used."""
        return sorted(name.decode() for name in cast("set[bytes]", self._client.smembers(self._keys.pools)))

    def entries(self, limit: int | None = None) -> list[Queued]:
        """Entries of all queues, in the order in which they are taken; at most ``limit`` of each queue."""
        names = [(pool, lane) for pool in self.pools() for lane in LANES]
        pipe = self._client.pipeline(transaction=False)
        for pool, lane in names:
            pipe.xrange(self._keys.queue(pool, lane), count=limit)
        return [
            Queued(
                entry_id.decode(),
                pool,
                lane,
                fields[_JOB].decode(),
                fields[_SEGMENT].decode(),
                int(entry_id.split(b"-")[0]),
            )
            for (pool, lane), entries in zip(names, pipe.execute() if names else [], strict=True)
            for entry_id, fields in entries
        ]

    def needs(self, segments: Sequence[tuple[str, str]]) -> list[frozenset[str]]:
        """For each (job, segment): the services that a worker must provide."""
        pipe = self._client.pipeline(transaction=False)
        for job, segment in segments:
            pipe.hget(self._keys.job(job), SegmentField.SERVICES.of(segment))
        return [frozenset((raw or b"").decode().split()) for raw in pipe.execute()] if segments else []

    def drop_ended(self, entries: Sequence[Queued]) -> int:
        """Remove the queue entries of ended or forgotten jobs. Returns their number.

        A worker also drops them when it takes a segment, but in a pool without workers they would stay forever.
        """
        pipe = self._client.pipeline(transaction=False)
        for entry in entries:
            pipe.hget(self._keys.job(entry.job), JobField.STATUS.value)
        statuses = pipe.execute() if entries else []
        ended = [entry for entry, raw in zip(entries, statuses, strict=True) if raw is None or raw.decode() in _FINAL]
        pipe = self._client.pipeline(transaction=False)
        for entry in ended:
            pipe.xdel(self._keys.queue(entry.pool, entry.lane), entry.id)
        return int(sum(pipe.execute())) if ended else 0

    def depth(self, pool: str, lane: str) -> int:
        """The number of entries in a queue, including stale ones."""
        return self._client.xlen(self._keys.queue(pool, lane))

    def oldest_entries(self) -> dict[str, float]:
        """Age in seconds of the oldest entry of each pool, by the bus's clock; for display."""
        seconds, microseconds = self._client.time()
        now_ms = seconds * 1000 + microseconds // 1000
        ages: dict[str, float] = {}
        for entry in self.entries(limit=1):
            ages[entry.pool] = max(ages.get(entry.pool, 0.0), (now_ms - entry.entered_ms) / 1000)
        return ages

    def outbox_length(self) -> int:
        """The number of events that SQL has not confirmed."""
        return self._client.xlen(self._keys.outbox)

    def outbox_oldest_s(self) -> float | None:
        """Age in seconds of the oldest unconfirmed event, by the bus's clock; None if there is none."""
        first = cast("list[Any]", self._client.xrange(self._keys.outbox, count=1))
        if not first:
            return None
        seconds, microseconds = self._client.time()
        return max(0.0, seconds + microseconds / 1e6 - int(first[0][0].split(b"-")[0]) / 1000)

    def jobs(self) -> Iterator[str]:
        """Ids of all jobs on the bus. Scans its keys, so use it only for a takeover."""
        prefix = self._keys.job("")
        for key in self._client.scan_iter(f"{prefix}*", count=1000):
            yield key.decode().removeprefix(prefix)

    def workers(self) -> dict[str, bytes]:
        """Manifests of the running workers, by worker id."""
        known = sorted(name.decode() for name in cast("set[bytes]", self._client.smembers(self._keys.workers)))
        if not known:
            return {}
        manifests = cast("list[bytes | None]", self._client.mget([self._keys.worker(name) for name in known]))
        gone = [name for name, manifest in zip(known, manifests, strict=True) if manifest is None]
        if gone:
            self._client.srem(self._keys.workers, *gone)
        return {name: manifest for name, manifest in zip(known, manifests, strict=True) if manifest is not None}

    def hold_pool(self, pool: str, why: str) -> None:
        """Stop the pool's workers from taking segments until ``resume_pool``. Running segments continue."""
        self._client.hset(self._keys.held, HeldField.POOL.of(pool), why)

    def resume_pool(self, pool: str) -> bool:
        """Resume a paused pool. Returns whether it was paused."""
        return bool(self._client.hdel(self._keys.held, HeldField.POOL.of(pool)))

    def drain_worker(self, worker: str) -> None:
        """Drain a worker: it takes no more segments, finishes its current ones and stops."""
        self._client.hset(self._keys.held, HeldField.WORKER.of(worker), "1")

    def held(self) -> OperatorHolds:
        return decode.holds(cast("dict[bytes, bytes]", self._client.hgetall(self._keys.held)))
