"""The operations of a worker."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, cast

import orjson
import redis

from workbench.bus import decode, scripts
from workbench.bus.fields import HeldField
from workbench.bus.keys import LANES
from workbench.bus.operations import Operations, now
from workbench.bus.results import Lease, Offer, Received, Taken, Verdict

WAKE_BLOCK_S = 1.0  # a process that blocks longer would notice SIGTERM too late


class WorkerOperations(Operations):
    """Take segments, report the results of nodes, renew and return leases."""

    def take(
        self,
        worker: str,
        known: str,
        pool: str,
        *,
        offer: Offer | None = None,
        block: bool = True,
    ) -> Taken | None:
        """Take the oldest entry of the pool, by lane, that fits the offer; None after about a second without one.

        The wait for a wake token and the take are sent together, in one trip. Without an offer, every entry fits.

        Args:
            known: fence of the last lease that this worker received ("" for none). A lease that it did not receive is
                sent again.
        """
        answer = self._take(self._take_args(worker, known, pool, offer), pool, block)
        if offer is not None and answer[0] == b"OFFER":  # the bus was wiped, or the worker has new services
            self._register_offer(offer)
            answer = self._take(self._take_args(worker, known, pool, offer), pool, block=False)
        return _decoded(answer)

    def _take(self, args: tuple[Any, ...], pool: str, block: bool) -> list[Any]:
        if not block:
            return cast("list[Any]", self._call("take", *args))
        pipe = self.client.pipeline(transaction=False)
        pipe.blpop([self.keys.wake(pool)], timeout=WAKE_BLOCK_S)
        pipe.evalsha(scripts.digest("take"), 1, self.keys.prefix, *args)
        woken, answer = pipe.execute(raise_on_error=False)
        if isinstance(answer, redis.exceptions.NoScriptError):
            answer = self._call("take", *args)
        if isinstance(answer, Exception):
            raise answer
        found = cast("list[Any]", answer)
        if found[0] != b"WORK" and isinstance(woken, Exception):
            raise woken  # it did not wait, and a caller that sees an empty queue would repeat the call without a pause
        return found

    def claim(
        self,
        lease: Lease,
        node: str,
        content_key: str,
        computation: str = "",
        *,
        look: bool = True,
        park: bool = True,
        why: bytes = b"{}",
    ) -> tuple[Verdict, bytes | None]:
        """Claim a computation before a node runs: OK (compute it), KNOWN with the result, PARKED or BUSY (another node
        does).

        Args:
            content_key: empty if it is not known yet, because inputs come in parts.
            computation: key of the computation; the content key by default.
            look: False if the cached result proved unusable.
            park: False if the segment cannot wait without its executor.
            why: data of the event that explains what a parked node waits for.
        """
        flags = ("1" if look else "0", "1" if park else "0")
        keys = (content_key, computation or content_key)
        answer = self._call("claim", lease.job, lease.segment, lease.fence, node, *keys, *flags, now(), why)
        return decode.verdict_and_bytes(answer)

    def commit(
        self,
        lease: Lease,
        node: str,
        result: bytes,
        *,
        start: bytes = b"{}",
        content_key: str = "",
        seen: str = "",
        worker: str = "",
        then_take: str | None = None,
        offer: Offer | None = None,
    ) -> tuple[Verdict, Taken | None]:
        """Make a node's result visible. With ``then_take`` (a pool), the next take is sent in the same trip.

        Args:
            seen: the round before the result's bytes were stored; "" if it refers to none.
        """
        args = (lease.job, lease.segment, lease.fence, node, result, now(), start, content_key, seen)
        if then_take is None:
            return Verdict(self._call("commit", *args).decode()), None
        take_args = self._take_args(worker, lease.fence, then_take, offer)
        pipe = self.client.pipeline(transaction=False)
        pipe.evalsha(scripts.digest("commit"), 1, self.keys.prefix, *args)
        pipe.evalsha(scripts.digest("take"), 1, self.keys.prefix, *take_args)
        committed, taken = pipe.execute(raise_on_error=False)
        if isinstance(committed, redis.exceptions.NoScriptError):
            committed = self._call("commit", *args)
        if isinstance(taken, redis.exceptions.NoScriptError):
            taken = self._call("take", *take_args)
        for answer in (committed, taken):
            if isinstance(answer, Exception):
                raise answer
        return Verdict(committed.decode()), _decoded(taken)

    def fail(
        self,
        lease: Lease,
        node: str,
        failure: bytes,
        *,
        retry: bool,
        start: bytes = b"{}",
        delay_s: float = 0.0,
        why: bytes = b"{}",
    ) -> Verdict:
        """Report a failed attempt. With ``delay_s`` the next attempt waits that long, and ``why`` explains it."""
        delay = str(int(delay_s * 1000))
        args = (lease.job, lease.segment, lease.fence, node, failure, "1" if retry else "0", now(), start, delay, why)
        return Verdict(self._call("fail", *args).decode())

    def remake(self, lease: Lease, node: str, makers: Sequence[str], *, why: bytes, loss: bytes) -> Verdict:
        """Report lost input bytes of a node: RETRY if their makers run again and the node waits for them, else FINAL.

        Args:
            makers: nodes of the job whose outputs contain the bytes; the node itself for its own finished parts.
            why: data of the event that explains what the node waits for.
            loss: data of the events of the makers.
        """
        args = (lease.job, lease.segment, lease.fence, node, now(), why, loss, *makers)
        return Verdict(self._call("remake", *args).decode())

    def ask(self, lease: Lease, node: str, why: bytes) -> tuple[Verdict, bytes | None]:
        """Ask a person: OK with the decision if there is one, PARKED if the segment now waits for it.

        Args:
            why: data of the event with the question.
        """
        return decode.verdict_and_bytes(self._call("ask", lease.job, lease.segment, lease.fence, node, why, now()))

    def renew(self, lease: Lease, progress: dict[str, bytes] | None = None) -> Verdict:
        flat = [value for pair in (progress or {}).items() for value in pair]
        return Verdict(self._call("renew", lease.job, lease.segment, lease.fence, *flat).decode())

    def release(self, lease: Lease) -> Verdict:
        return Verdict(self._call("release", lease.job, lease.segment, lease.fence).decode())

    def part(
        self, lease: Lease, node: str, index: int, part: bytes, seen: str = "", *, first: bytes = b"{}"
    ) -> Verdict:
        """Keep a finished part of a node. The nodes that take its output in parts start or continue.

        Args:
            first: data of the event that tells the first part.
        """
        args = (lease.job, lease.segment, lease.fence, node, index, part, seen, now(), first)
        return Verdict(self._call("part", *args).decode())

    def series(self, lease: Lease, node: str, data: bytes) -> Verdict:
        """Emit the event with further points of a node's metrics.

        Args:
            data: data of the event.
        """
        return Verdict(self._call("series", lease.job, lease.segment, lease.fence, node, data, now()).decode())

    def receive(
        self, lease: Lease, node: str, producer: str, index: int, why: bytes = b"{}", so_far: bytes | None = b"{}"
    ) -> Received:
        """Request the producer's parts from that index on, for a node that takes its output in parts.

        Args:
            why: data of the event that explains what the node waits for.
            so_far: opaque; kept with the node if it waits, and given with its next parts. None: it does not wait.
        """
        args = (lease.job, lease.segment, lease.fence, node, producer, index, now(), why, so_far or b"")
        return decode.received(self._call("receive", *args))

    def round(self) -> tuple[Verdict, str]:
        """The latest round of removing bytes (for ``commit`` and ``part``); WAIT while a round is open."""
        return decode.verdict_and_text(self._call("round"))

    def adopt(
        self,
        lease: Lease,
        worker: str,
        ends: Mapping[str, tuple[str, bytes]],
        start: bytes = b"{}",
        claims: Mapping[str, str] | None = None,
        parts: Mapping[str, Sequence[bytes]] | None = None,
    ) -> tuple[Verdict, str]:
        """Present a lease after the bus lost its memory. Returns the fence that is valid from now on.

        Args:
            ends: final status, and result or failure, of the ended nodes in the segment and before it.
            claims: content keys by node, of its running computations.
            parts: finished parts by node.
        """
        claimed = [value for pair in (claims or {}).items() for value in pair]
        made = [
            value
            for node, its in (parts or {}).items()
            for index, part in enumerate(its)
            for value in (node, index, part)
        ]
        flat = [value for node, (status, body) in ends.items() for value in (node, status, body)]
        head = (lease.job, lease.segment, lease.fence, worker, now(), start, len(claimed) // 2)
        return decode.verdict_and_text(self._call("adopt", *head, *claimed, len(made) // 3, *made, *flat))

    def _register_offer(self, offer: Offer) -> None:
        key = self.keys.offers(offer.name)
        pipe = self.client.pipeline(transaction=False)
        pipe.sadd(key, *(offer.services or {"-"}))  # an empty set would not exist
        pipe.expire(key, 86_400)  # the bus requests it again after it has expired
        pipe.execute()

    def announce(self, worker: str, manifest: bytes, for_s: float) -> bool:
        """Announce a running worker. It is forgotten ``for_s`` seconds after its last announcement. For display only.

        Returns whether an operator wants the worker to drain.
        """
        pipe = self.client.pipeline(transaction=False)
        pipe.sadd(self.keys.workers, worker)
        pipe.set(self.keys.worker(worker), manifest, px=int(for_s * 1000))
        pipe.hexists(self.keys.held, HeldField.WORKER.of(worker))
        return bool(pipe.execute()[2])

    def leave(self, worker: str, slots: Sequence[str] = ()) -> None:
        """Remove a worker and the latest grants of its slots."""
        pipe = self.client.pipeline(transaction=False)
        pipe.srem(self.keys.workers, worker)
        pipe.delete(self.keys.worker(worker))
        pipe.hdel(self.keys.granted, worker, *slots)
        pipe.hdel(self.keys.held, HeldField.WORKER.of(worker))
        pipe.execute()

    def _take_args(self, worker: str, known: str, pool: str, offer: Offer | None) -> tuple[Any, ...]:
        start = orjson.dumps({"worker": worker})
        return (worker, known, pool, offer.name if offer else "", start, *LANES)


def _decoded(answer: list[Any]) -> Taken | None:
    if answer[0] == b"WAIT":
        time.sleep(0.05)  # in the grace phase the wake token was consumed, so avoid a busy loop
    return decode.taken(answer)
