"""One method for each atomic move on the bus, with the types of its answer."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

import orjson
import redis

from schemas.event import Event, EventType
from workbench.bus import scripts
from workbench.bus.answers import Held, Lease, Offer, OutboxEntry, Planned, Taken, Verdict
from workbench.bus.connection import TIMEOUT_S, connect
from workbench.bus.holding import Holding
from workbench.bus.keys import LANES, Keys
from workbench.bus.queues import Queues
from workbench.bus.watching import Watching

WAKE_BLOCK_S = 1.0  # a process that blocks longer notices SIGTERM too late


def _now() -> str:
    return f"{time.time():.6f}"


class Bus:
    """A bench's bus, as one thread uses it. Raises the exceptions in ``connection.BUS_AWAY``.

    Not thread-safe in its blocking calls: give each thread its own.
    """

    def __init__(self, url: str, bench: str, *, control: bool = False, timeout_s: float = TIMEOUT_S) -> None:
        self.keys = Keys(bench)
        self.url = url
        self.client = connect(url, meta_key=None if control else self.keys.meta, timeout_s=timeout_s)
        self.queues = Queues(self.client, self.keys)
        self.holding = Holding(self.client, self.keys)
        self.watching = Watching(self.client, self.keys)

    def close(self) -> None:
        self.client.close()

    def _call(self, name: str, *args: Any) -> Any:
        return scripts.call(self.client, self.keys.prefix, name, *args)

    # -- moves of a client ------------------------------------------------------------------------------------------

    def accept(self, planned: Planned, epoch: int) -> Verdict:
        """Put a planned job on the bus. EXISTS where it is already there, WAIT where the epoch is another."""
        flat = [value for pair in planned.fields for value in pair]
        events = [value for type_, node, data in planned.events for value in (type_.value, node, data)]
        ready = " ".join(planned.ready)
        answer = self._call(
            "accept",
            planned.job,
            epoch,
            planned.lane,
            _now(),
            ready,
            " ".join(planned.pools),
            len(planned.fields),
            *flat,
            len(planned.events),
            *events,
        )
        return Verdict(answer.decode())

    def cancel(self, job: str) -> Verdict:
        return Verdict(self._call("cancel", job, _now()).decode())

    def decide(self, job: str, node: str, decision: bytes) -> Verdict:
        """Hand a person's decision over: OK, AGAIN where it is there, FINAL where it is too late, UNKNOWN."""
        return Verdict(self._call("decide", job, node, decision, _now()).decode())

    # -- moves of a worker ------------------------------------------------------------------------------------------

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
        return _taken(answer)

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
        answer = self._call("claim", lease.job, lease.segment, lease.fence, node, content_key, *flags, _now(), why)
        return Verdict(answer[0].decode()), answer[1] if len(answer) > 1 else None

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
        args = (lease.job, lease.segment, lease.fence, node, result, _now(), start, content_key, seen)
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
        return Verdict(committed.decode()), _taken(taken)

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
        args = (lease.job, lease.segment, lease.fence, node, failure, "1" if retry else "0", _now(), start, delay, why)
        return Verdict(self._call("fail", *args).decode())

    def remake(self, lease: Lease, node: str, makers: Sequence[str], *, why: bytes, loss: bytes) -> Verdict:
        """Bytes that a node needs are lost: RETRY where their makers run again and the node waits for them, else FINAL.

        Args:
            makers: nodes of the job whose outputs name the bytes; the node itself for its own finished parts.
            why: data of the event that says what the node waits for.
            loss: data of the events of the makers.
        """
        args = (lease.job, lease.segment, lease.fence, node, _now(), why, loss, *makers)
        return Verdict(self._call("remake", *args).decode())

    def ask(self, lease: Lease, node: str, why: bytes) -> tuple[Verdict, bytes | None]:
        """Ask a person: OK with the decision where there is one, PARKED where the segment waits for it from now on.

        Args:
            why: data of the event that says what the person is asked.
        """
        answer = self._call("ask", lease.job, lease.segment, lease.fence, node, why, _now())
        return Verdict(answer[0].decode()), answer[1] if len(answer) > 1 else None

    def renew(self, lease: Lease, progress: dict[str, bytes] | None = None) -> Verdict:
        flat = [value for pair in (progress or {}).items() for value in pair]
        return Verdict(self._call("renew", lease.job, lease.segment, lease.fence, *flat).decode())

    def release(self, lease: Lease) -> Verdict:
        return Verdict(self._call("release", lease.job, lease.segment, lease.fence).decode())

    def part(self, lease: Lease, node: str, index: int, part: bytes, seen: str = "") -> Verdict:
        return Verdict(self._call("part", lease.job, lease.segment, lease.fence, node, index, part, seen).decode())

    def round(self) -> tuple[Verdict, str]:
        """Which round of removing bytes is the newest (``commit``, ``part``); WAIT while one is open."""
        return _with_text(self._call("round"))

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
        head = (lease.job, lease.segment, lease.fence, worker, _now(), start, len(claimed) // 2)
        answer = self._call("adopt", *head, *claimed, *flat)
        return Verdict(answer[0].decode()), answer[1].decode() if len(answer) > 1 else ""

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
        pipe.hexists(self.keys.held, f"worker:{worker}")
        return bool(pipe.execute()[2])

    def leave(self, worker: str, slots: Sequence[str] = ()) -> None:
        """Forget a worker and what was granted last to each of its slots."""
        pipe = self.client.pipeline(transaction=False)
        pipe.srem(self.keys.workers, worker)
        pipe.delete(self.keys.worker(worker))
        pipe.hdel(f"{self.keys.prefix}:granted", worker, *slots)
        pipe.hdel(self.keys.held, f"worker:{worker}")
        pipe.execute()

    # -- moves of the control plane ---------------------------------------------------------------------------------

    def leases(self) -> list[Held]:
        return _held(cast("dict[bytes, bytes]", self.client.hgetall(self.keys.leases)))

    def leases_and_delays(self) -> tuple[list[Held], dict[tuple[str, str], float]]:
        """All leases, and the seconds that parked segments (job, segment) wait before another attempt. One trip."""
        pipe = self.client.pipeline(transaction=False)
        pipe.ping()  # refused by a bus that cannot write, and so cannot count heartbeats
        pipe.hgetall(self.keys.leases)
        pipe.hgetall(self.keys.delayed)
        _, leases, delays = pipe.execute()
        return _held(leases), {_segment(name): int(value) / 1000 for name, value in delays.items()}

    def wake(self, job: str, segment: str) -> Verdict:
        """A parked segment's delay is over."""
        return Verdict(self._call("wake", job, segment).decode())

    def unserved(self, job: str, segment: str, why: bytes) -> int:
        """Say on a queued segment's job that nobody offers what it needs; returns how many nodes now wait."""
        return int(self._call("unserved", job, segment, why, _now()))

    def expire(self, held: Held, failure: bytes) -> Verdict:
        return Verdict(self._call("expire", held.job, held.segment, held.value, failure, _now()).decode())

    def begin_epoch(self, epoch: int, run_id: str, highest_n: int = 0) -> Verdict:
        return Verdict(self._call("begin_epoch", epoch, run_id, highest_n).decode())

    def begin_grace(self, epoch: int) -> Verdict:
        """From now on live workers can present their leases."""
        return Verdict(self._call("set_phase", epoch, "grace").decode())

    def open_bench(self, epoch: int) -> Verdict:
        return Verdict(self._call("set_phase", epoch, "open").decode())

    def nudge(self) -> None:
        """Wake a worker for each queued entry, 64 of a pool at most."""
        pipe = self.client.pipeline(transaction=False)
        for entry in self.queues.entries(limit=64):
            pipe.rpush(self.keys.wake(entry.pool), "1")
        pipe.execute()

    def settle(self, job: str, ends: Sequence[tuple[str, str, bytes, str]]) -> int:
        """Put ends of nodes on the bus that SQL knows and the bus has lost. Only before the grace.

        Args:
            ends: (node, final status, result or failure, content key), parents before children.

        Returns how many the bus did not know.
        """
        return int(self._call("settle", job, _now(), *(field for end in ends for field in end)))

    def reopen(self, job: str, nodes: Sequence[str], loss: bytes) -> int:
        """Have nodes run again that SQL knows to be made again and the bus has as completed. Only before the grace.

        Returns how many the bus had as completed.
        """
        return int(self._call("reopen", job, _now(), loss, *nodes))

    def forget(self, job: str) -> Verdict:
        """Drop a job that has ended in SQL and, because the bus lost its end, not here; and all that is left of one."""
        return Verdict(self._call("forget", job).decode())

    def open_round(self, for_s: float) -> tuple[Verdict, str]:
        """Until ``close_round``, or for that long, nobody names bytes without looking whether they are there."""
        return _with_text(self._call("open_round", int(for_s * 1000)))

    def close_round(self) -> None:
        self._call("close_round")

    def remember(self, results: Mapping[str, bytes]) -> None:
        """Fill the recent part of the result index; by content key."""
        if results:
            pipe = self.client.pipeline(transaction=False)
            pipe.hset(self.keys.computed, mapping=cast("Any", dict(results)))
            pipe.rpush(f"{self.keys.computed}:order", *results)
            pipe.execute()

    def requeue(self, job: str, segments: Iterable[str]) -> int:
        return int(self._call("requeue", job, *segments))

    def segments(self, job: str) -> list[str]:
        """Ids of a job's segments; empty for a job the bus does not know."""
        names = cast("list[bytes]", self.client.hkeys(self.keys.job(job)))
        return sorted(name[6:].decode() for name in names if name.startswith(b"nodes:"))

    def marker(self) -> dict[str, str]:
        """epoch, run_id and phase, as the control plane left them; empty on a new bus."""
        raw = cast("dict[bytes, bytes]", self.client.hgetall(self.keys.meta))
        return {name.decode(): value.decode() for name, value in raw.items()}

    def outbox(self, after: str, count: int = 500) -> list[OutboxEntry]:
        """The next events for the recorder, oldest first."""
        entries = cast(
            "list[Any]", self.client.xrange(self.keys.outbox, min=f"({after}" if after else "-", count=count)
        )
        return [
            OutboxEntry(entry_id.decode(), read_event(fields[b"j"].decode(), fields[b"i"], fields))
            for entry_id, fields in entries
        ]

    def set_aside(self, entry: OutboxEntry) -> None:
        """Keep an event that cannot be recorded where an operator finds it; the newest thousand."""
        fields: Any = {"j": entry.event.job, "event": entry.event.to_json()}
        self.client.xadd(self.keys.set_aside, fields, maxlen=1000, approximate=True)

    def confirm(self, last_id: str, finished: Sequence[str], keep_events_s: int = 60) -> int:
        return int(self._call("confirm", last_id, keep_events_s, *finished))

    # -- watching ---------------------------------------------------------------------------------------------------

    def knows(self, job: str) -> bool:
        return bool(self.client.exists(self.keys.job(job)))

    def events(self, job: str, after: str = "0-0", block_s: float | None = None) -> list[Event]:
        """Events behind a cursor; waits up to ``block_s`` (under the socket time-out) for the first."""
        block_ms = None if block_s is None else max(1, int(block_s * 1000))
        answer = cast("Any", self.client.xread({self.keys.events(job): after}, count=1000, block=block_ms))
        return [read_event(job, entry_id, fields) for _, entries in answer or [] for entry_id, fields in entries]

    def asked(self, job: str, nodes: Sequence[str]) -> dict[str, bytes] | None:
        """Why those of the nodes wait that wait for a person's answer. None for a job that the bus does not know."""
        fields = ["status", *(f"{name}:{node}" for node in nodes for name in ("st", "as", "de"))]
        status, *states = cast("list[bytes | None]", self.client.hmget(self.keys.job(job), fields))
        if status is None:
            return None
        found = zip(nodes, states[0::3], states[1::3], states[2::3], strict=True)
        return {node: asked for node, state, asked, decided in found if state == b"waiting" and asked and not decided}

    def parts(self, job: str, node: str) -> list[bytes]:
        """Finished parts of a node's output, in order; empty for a job that the bus does not know."""
        key = self.keys.job(job)
        count = int(cast("bytes | None", self.client.hget(key, f"pn:{node}")) or 0)
        if not count:
            return []
        found = cast("list[bytes | None]", self.client.hmget(key, [f"pt:{node}:{index}" for index in range(count)]))
        return [part for part in found if part is not None]

    def progress(self, job: str) -> dict[str, bytes]:
        raw = cast("dict[bytes, bytes]", self.client.hgetall(self.keys.progress(job)))
        return {node.decode(): value for node, value in raw.items()}

    def cancellations(self) -> Iterator[str]:
        """Ids of jobs as they are cancelled, for ever; a hint only (``renew`` answers CANCELLED too)."""
        with self.client.pubsub(ignore_subscribe_messages=True) as pubsub:  # type: ignore[no-untyped-call]
            pubsub.subscribe(self.keys.cancelled)
            while True:
                message = pubsub.get_message(timeout=1.0)
                yield message["data"].decode() if message else ""

    def _take_args(
        self, worker: str, known: str, pool: str, offer: Offer | None, lanes: Sequence[str]
    ) -> tuple[Any, ...]:
        start = orjson.dumps({"worker": worker})
        return (worker, known, pool, offer.name if offer else "", start, *lanes)


def _with_text(answer: list[bytes]) -> tuple[Verdict, str]:
    return Verdict(answer[0].decode()), answer[1].decode() if len(answer) > 1 else ""


def _segment(name: bytes) -> tuple[str, str]:
    job, _, segment = name.decode().rpartition("/")
    return job, segment


def _held(raw: dict[bytes, bytes]) -> list[Held]:
    return [Held(*_segment(name), value) for name, value in raw.items()]


def _taken(answer: list[Any]) -> Taken | None:
    if answer[0] != b"WORK":
        if answer[0] == b"WAIT":
            time.sleep(0.05)  # grace: the wake token was consumed, do not spin
        return None
    _, job, segment, fence, attempt, spec, known, parts = answer
    nodes = [name.decode() for name in known[0::3]]
    by_node: dict[str, list[bytes]] = {}
    for name, part in zip(parts[0::2], parts[1::2], strict=True):
        by_node.setdefault(name.decode(), []).append(part)
    return Taken(
        lease=Lease(job.decode(), segment.decode(), fence.decode()),
        attempt=int(attempt),
        spec=spec,
        status={name: status.decode() for name, status in zip(nodes, known[1::3], strict=True)},
        results={name: result for name, result in zip(nodes, known[2::3], strict=True) if result},
        parts=by_node,
    )


def read_event(job: str, event_id: bytes, fields: dict[bytes, bytes]) -> Event:
    """An entry of a job's stream. Raises pydantic.ValidationError, orjson.JSONDecodeError, ValueError, KeyError."""
    epoch, seq = event_id.split(b"-")
    return Event(
        job=job,
        epoch=int(epoch),
        seq=int(seq),
        type=EventType(fields[b"t"].decode()),
        node=fields[b"n"].decode(),
        data=orjson.loads(fields[b"d"] or b"{}"),
        at=float(fields[b"a"]),
    )
