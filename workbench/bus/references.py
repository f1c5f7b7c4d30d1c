"""The references on the bus: artifacts of unfinished jobs, cached results, and jobs with a lease.

Used by the removal of bytes. No field is decoded: every string that looks like a digest counts as one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any, cast

import redis

from workbench.bus.fields import EventField
from workbench.bus.keys import Keys

_DIGEST = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_AT_ONCE = 200
_JOB = EventField.JOB.value.encode()


class BusReferences:
    """The references on the bus. The client may be shared with its ``Bus``. Raises ``connection.BUS_UNREACHABLE``."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    def named(self, jobs: Sequence[str]) -> set[str]:
        """Digests and content keys in the jobs' data: inputs, results, parts, and received cache hits."""
        found: set[str] = set()
        for start in range(0, len(jobs), _AT_ONCE):
            pipe = self._client.pipeline(transaction=False)
            for job in jobs[start : start + _AT_ONCE]:
                pipe.hvals(self._keys.job(job))
            for values in pipe.execute():
                for value in values:
                    found.update(digest.decode() for digest in _DIGEST.findall(value))
        return found

    def leased_jobs(self) -> set[str]:
        """Jobs with a leased segment."""
        names = cast("list[bytes]", self._client.hkeys(self._keys.leases))
        return {name.decode().rpartition("/")[0] for name in names}

    def results(self) -> dict[str, set[str]]:
        """All cached results on the bus: content key -> digests in the result."""
        return {
            key.decode(): {digest.decode() for digest in _DIGEST.findall(value)}
            for key, value in self._client.hscan_iter(self._keys.computed, count=1000)
        }

    def withdraw(self, keys: Iterable[str]) -> int:
        """Remove cached results. Returns how many existed."""
        wanted, removed = sorted(keys), 0
        for start in range(0, len(wanted), 1000):
            removed += self._client.hdel(self._keys.computed, *wanted[start : start + 1000])
        return removed

    def drop_set_aside(self, jobs: Collection[str]) -> int:
        """Remove the events of these jobs that could not be recorded. Returns their number."""
        entries = cast("list[Any]", self._client.xrange(self._keys.set_aside))
        ids = [entry for entry, fields in entries if fields[_JOB].decode() in jobs]
        return self._client.xdel(self._keys.set_aside, *ids) if ids else 0

    def memory_bytes(self) -> int:
        """The memory use of the bus server, with all deployments on it."""
        return int(self._client.info("memory")["used_memory"])
