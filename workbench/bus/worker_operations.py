"""The operations of a worker."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, cast

import orjson
import redis

from workbench.bus import decode, scripts
from workbench.bus.answers import Lease, Offer, Taken, Verdict
from workbench.bus.fields import HeldField
from workbench.bus.keys import LANES
from workbench.bus.operations import Operations, now

WAKE_BLOCK_S = 1.0  # a process that blocks longer notices SIGTERM too late


class WorkerOperations(Operations):
    """Take segments, report on their nodes, keep and return leases."""

    def take(
        self,
        worker: str,
        known: str,
        pool: str,
        *,
        offer: Offer | None = None,
        block: bool = True,
        lanes: Sequence[str] = LANES,
    ) -> Taken | None:
        """The oldest entry of the pool by lane that fits the offer, or None after about a second without one.

        The wait for a wake token and the take behind it travel together: one trip. Without an offer everything fits.

        Args:
            known: fence of the last lease this worker heard of ("" for none): one that it did not is given again.
        """
        answer = self._take(self._take_args(worker, known, pool, offer, lanes), pool, block)
        if offer is not None and answer[0] == b"OFFER":  # a bus that was wiped, or a worker with new services
            self._make_known(offer)
            answer = self._take(self._take_args(worker, known, pool, offer, lanes), pool, block=False)
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
            raise woken  # it did not wait: a caller that took this for an empty queue would ask without a pause
        return found

    def claim(
        self, lease: Lease, node: str, content_key: str, *, look: bool = True, park: bool = True, why: bytes = b"{}"
    ) -> tuple[Verdict, bytes | None]:
        """Ask before a node is computed: OK (compute it), KNOWN with the result, PARKED or BUSY (somebody else does).

        Args:
            look: False where the known result turned out to be unusable.
            park: False where the segment cannot wait without its executor.
            why: data of the event that says what a parked node waits for.
        """
        flags = ("1" if look else "0", "1" if park else "0")
        answer = self._call("claim", lease.job, lease.segment, lease.fence, node, content_key, *flags, now(), why)
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
        lanes: Sequence[str] = LANES,
    ) -> tuple[Verdict, Taken | None]:
        """Make a node's result visible. With ``then_take`` (a pool) the next take travels behind it.

        Args:
            seen: the round before bytes that the result names were put into the store; "" where none were.
        """
        args = (lease.job, lease.segment, lease.fence, node, result, now(), start, content_key, seen)
        if then_take is None:
            return Verdict(self._call("commit", *args).decode()), None
        take_args = self._take_args(worker, lease.fence, then_take, offer, lanes)
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
        """Say that an attempt failed. With ``delay_s`` another attempt waits that long, and ``why`` says so."""
        delay = str(int(delay_s * 1000))
        args = (lease.job, lease.segment, lease.fence, node, failure, "1" if retry else "0", now(), start, delay, why)
        return Verdict(self._call("fail", *args).decode())

    def remake(self, lease: Lease, node: str, makers: Sequence[str], *, why: bytes, loss: bytes) -> Verdict:
        """Bytes that a node needs are lost: RETRY where their makers run again and the node waits for them, else FINAL.

        Args:
            makers: nodes of the job whose outputs name the bytes; the node itself for its own finished parts.
            why: data of the event that says what the node waits for.
            loss: data of the events of the makers.
        """
        args = (lease.job, lease.segment, lease.fence, node, now(), why, loss, *makers)
        return Verdict(self._call("remake", *args).decode())

    def ask(self, lease: Lease, node: str, why: bytes) -> tuple[Verdict, bytes | None]:
        """Ask a person: OK with the decision where there is one, PARKED where the segment waits for it from now on.

        Args:
            why: data of the event that says what the person is asked.
        """
        return decode.verdict_and_bytes(self._call("ask", lease.job, lease.segment, lease.fence, node, why, now()))

    def renew(self, lease: Lease, progress: dict[str, bytes] | None = None) -> Verdict:
        flat = [value for pair in (progress or {}).items() for value in pair]
        return Verdict(self._call("renew", lease.job, lease.segment, lease.fence, *flat).decode())

    def release(self, lease: Lease) -> Verdict:
        return Verdict(self._call("release", lease.job, lease.segment, lease.fence).decode())

    def part(self, lease: Lease, node: str, index: int, part: bytes, seen: str = "") -> Verdict:
        return Verdict(self._call("part", lease.job, lease.segment, lease.fence, node, index, part, seen).decode())

    def round(self) -> tuple[Verdict, str]:
        """Which round of removing bytes is the newest (``commit``, ``part``); WAIT while one is open."""
        return decode.verdict_and_text(self._call("round"))

    def adopt(
        self,
        lease: Lease,
        worker: str,
        ends: Mapping[str, tuple[str, bytes]],
        start: bytes = b"{}",
        claims: Mapping[str, str] | None = None,
    ) -> tuple[Verdict, str]:
        """Present a lease after a loss of memory; answers with the fence that is valid from now on.

        Args:
            ends: final status and result or failure, of the segment's nodes and those before it that have ended.
            claims: content keys by node, of the computations it is at.
        """
        claimed = [value for pair in (claims or {}).items() for value in pair]
        flat = [value for node, (status, body) in ends.items() for value in (node, status, body)]
        head = (lease.job, lease.segment, lease.fence, worker, now(), start, len(claimed) // 2)
        return decode.verdict_and_text(self._call("adopt", *head, *claimed, *flat))

    def _make_known(self, offer: Offer) -> None:
        key = self.keys.offers(offer.name)
        pipe = self.client.pipeline(transaction=False)
        pipe.sadd(key, *(offer.services or {"-"}))  # an empty set would not exist
        pipe.expire(key, 86_400)  # asked for again when it is gone
        pipe.execute()

    def announce(self, worker: str, manifest: bytes, for_s: float) -> bool:
        """Say that a worker is up; it is forgotten after ``for_s`` without another word. For display only.

        Returns whether an operator wants the worker to finish what it does and leave.
        """
        pipe = self.client.pipeline(transaction=False)
        pipe.sadd(self.keys.workers, worker)
        pipe.set(self.keys.worker(worker), manifest, px=int(for_s * 1000))
        pipe.hexists(self.keys.held, HeldField.WORKER.of(worker))
        return bool(pipe.execute()[2])

    def leave(self, worker: str, slots: Sequence[str] = ()) -> None:
        """Forget a worker and what was granted last to each of its slots."""
        pipe = self.client.pipeline(transaction=False)
        pipe.srem(self.keys.workers, worker)
        pipe.delete(self.keys.worker(worker))
        pipe.hdel(self.keys.granted, worker, *slots)
        pipe.hdel(self.keys.held, HeldField.WORKER.of(worker))
        pipe.execute()

    def _take_args(
        self, worker: str, known: str, pool: str, offer: Offer | None, lanes: Sequence[str]
    ) -> tuple[Any, ...]:
        start = orjson.dumps({"worker": worker})
        return (worker, known, pool, offer.name if offer else "", start, *lanes)


def _decoded(answer: list[Any]) -> Taken | None:
    if answer[0] == b"WAIT":
        time.sleep(0.05)  # grace: the wake token was consumed, do not spin
    return decode.taken(answer)
