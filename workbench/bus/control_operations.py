"""The operations of the control plane."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from workbench.bus import decode
from workbench.bus.fields import EventField, SegmentField
from workbench.bus.operations import Operations, now
from workbench.bus.results import HeldLease, OutboxEntry, Phase, Verdict


class ControlOperations(Operations):
    """Take over the bus, read leases and delays, pass events to SQL, remove unreferenced data."""

    def leases(self) -> list[HeldLease]:
        return decode.leases(cast("dict[bytes, bytes]", self.client.hgetall(self.keys.leases)))

    def leases_and_delays(self) -> tuple[list[HeldLease], dict[tuple[str, str], float]]:
        """All leases, and the delay in seconds of each parked segment (job, segment) before its next attempt.

        One trip.
        """
        pipe = self.client.pipeline(transaction=False)
        pipe.ping()  # fails on a bus that cannot write and thus cannot count heartbeats
        pipe.hgetall(self.keys.leases)
        pipe.hgetall(self.keys.delayed)
        _, leases, delays = pipe.execute()
        return decode.leases(leases), {decode.segment_name(name): int(value) / 1000 for name, value in delays.items()}

    def wake(self, job: str, segment: str) -> Verdict:
        """End the delay of a parked segment."""
        return Verdict(self._call("wake", job, segment).decode())

    def unserved(self, job: str, segment: str, why: bytes = b"") -> int:
        """Report that no worker provides what a queued segment needs; without ``why``, that a worker does again.

        Returns the number of nodes for which this is new.
        """
        return int(self._call("unserved", job, segment, why, now()))

    def expire(self, held: HeldLease, failure: bytes) -> Verdict:
        return Verdict(self._call("expire", held.job, held.segment, held.value, failure, now()).decode())

    def begin_epoch(self, epoch: int, run_id: str, highest_n: int = 0) -> Verdict:
        return Verdict(self._call("begin_epoch", epoch, run_id, highest_n).decode())

    def begin_grace(self, epoch: int) -> Verdict:
        """Allow live workers to present their leases."""
        return Verdict(self._call("set_phase", epoch, Phase.GRACE.value).decode())

    def open_deployment(self, epoch: int) -> Verdict:
        return Verdict(self._call("set_phase", epoch, Phase.OPEN.value).decode())

    def nudge(self) -> None:
        """Wake a worker for each queued entry, up to 64 per pool."""
        pipe = self.client.pipeline(transaction=False)
        for entry in self.queues.entries(limit=64):
            pipe.rpush(self.keys.wake(entry.pool), "1")
        pipe.execute()

    def settle(self, job: str, ends: Sequence[tuple[str, str, bytes, str]]) -> int:
        """Restore results of nodes that SQL has and the bus has lost. Only before the grace phase.

        Args:
            ends: (node, final status, result or failure, content key), parents before children.

        Returns how many the bus did not have.
        """
        return int(self._call("settle", job, now(), *(field for end in ends for field in end)))

    def reopen(self, job: str, nodes: Sequence[str], loss: bytes) -> int:
        """Reopen nodes that are completed on the bus but must run again according to SQL. Only before the grace phase.

        Returns how many were completed on the bus.
        """
        return int(self._call("reopen", job, now(), loss, *nodes))

    def forget(self, job: str) -> Verdict:
        """Remove a job whose end the bus has lost although SQL has it, and all remains of a job."""
        return Verdict(self._call("forget", job).decode())

    def open_round(self, for_s: float) -> tuple[Verdict, str]:
        """Open a round: until ``close_round`` or the timeout, bytes must be checked before they are referenced."""
        return decode.verdict_and_text(self._call("open_round", int(for_s * 1000)))

    def close_round(self) -> None:
        self._call("close_round")

    def remember(self, results: Mapping[str, bytes]) -> None:
        """Fill the recent part of the result index, by content key."""
        if results:
            pipe = self.client.pipeline(transaction=False)
            pipe.hset(self.keys.computed, mapping=cast("Any", dict(results)))
            pipe.rpush(self.keys.computed_order, *results)
            pipe.execute()

    def requeue(self, job: str, segments: Iterable[str]) -> int:
        return int(self._call("requeue", job, *segments))

    def segments(self, job: str) -> list[str]:
        """Ids of a job's segments; empty if the bus does not have the job."""
        names = cast("list[bytes]", self.client.hkeys(self.keys.job(job)))
        start = SegmentField.NODES.of("")
        return sorted(name.removeprefix(start) for raw in names if (name := raw.decode()).startswith(start))

    def outbox(self, after: str, count: int = 500) -> list[OutboxEntry]:
        """The next events for the recorder, oldest first."""
        entries = cast(
            "list[Any]", self.client.xrange(self.keys.outbox, min=f"({after}" if after else "-", count=count)
        )
        return [decode.outbox_entry(entry_id, fields) for entry_id, fields in entries]

    def set_aside(self, entry: OutboxEntry) -> None:
        """Keep an event that cannot be recorded, for an operator; up to the newest thousand."""
        fields: Any = {EventField.JOB.value: entry.event.job, "event": entry.event.to_json()}
        self.client.xadd(self.keys.set_aside, fields, maxlen=1000, approximate=True)

    def confirm(self, last_id: str, finished: Sequence[str], keep_events_s: int = 60) -> int:
        return int(self._call("confirm", last_id, keep_events_s, *finished))
