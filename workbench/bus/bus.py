"""One method for each atomic move on the bus, with the types of its answer."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, cast

import orjson
import redis

from schemas.event import Event, EventType
from workbench.bus import scripts
from workbench.bus.connection import TIMEOUT_S, connect
from workbench.bus.keys import LANES, Keys

WAKE_BLOCK_S = 1.0  # a process that blocks longer notices SIGTERM too late


class Verdict(StrEnum):
    """What a script answered."""

    OK = "OK"
    AGAIN = "AGAIN"  # this very commit was made before
    RETRY = "RETRY"  # the attempt failed, another follows elsewhere
    FINAL = "FINAL"  # nothing more happens here: the last attempt failed, or the job had ended
    FENCED = "FENCED"  # the lease belongs to somebody else by now
    CANCELLED = "CANCELLED"
    WAIT = "WAIT"  # the bench is in the grace after a loss of memory
    EXISTS = "EXISTS"
    UNKNOWN = "UNKNOWN"
    MOVED = "MOVED"
    OLD = "OLD"


@dataclass(frozen=True)
class Lease:
    """The right to work on a segment while its heartbeat counts."""

    job: str
    segment: str
    fence: str  # "<epoch>:<n>"

    @property
    def n(self) -> int:
        return int(self.fence.split(":")[1])


@dataclass(frozen=True)
class Taken:
    """A segment taken from a queue, with all its executor needs to know."""

    lease: Lease
    attempt: int
    spec: bytes
    status: dict[str, str]
    results: dict[str, bytes]
    parts: dict[str, list[bytes]]


@dataclass
class Held:
    """A lease as the reaper sees it."""

    job: str
    segment: str
    value: bytes

    @property
    def worker(self) -> str:
        return self.value.split(b" ", 2)[2].decode()


@dataclass
class Planned:
    """A job in the form the bus keeps: opaque fields and counters (engine.plan makes it)."""

    job: str
    fields: list[tuple[str, str | bytes | int]]
    ready: list[str]
    events: list[tuple[EventType, str, bytes]] = field(default_factory=list)
    lane: str = "interactive"


@dataclass(frozen=True)
class OutboxEntry:
    id: str
    event: Event


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
            len(planned.fields),
            *flat,
            len(planned.events),
            *events,
        )
        return Verdict(answer.decode())

    def cancel(self, job: str) -> Verdict:
        return Verdict(self._call("cancel", job, _now()).decode())

    # -- moves of a worker ------------------------------------------------------------------------------------------

    def take(
        self, worker: str, last_n: int, pool: str, *, block: bool = True, lanes: Sequence[str] = LANES
    ) -> Taken | None:
        """The oldest entry of the pool by lane, or None after about a second without one.

        The wait for a wake token and the take behind it travel together: one trip.
        """
        args = self._take_args(worker, last_n, pool, lanes)
        if not block:
            return _taken(self._call("take", *args))
        pipe = self.client.pipeline(transaction=False)
        pipe.blpop([self.keys.wake(pool)], timeout=WAKE_BLOCK_S)
        pipe.evalsha(scripts.digest("take"), 1, self.keys.prefix, *args)
        woken, answer = pipe.execute(raise_on_error=False)
        if isinstance(answer, redis.exceptions.NoScriptError):
            return _taken(self._call("take", *args))
        if isinstance(answer, Exception):
            raise answer
        taken = _taken(answer)
        if taken is None and isinstance(woken, Exception):
            raise woken  # it did not wait: a caller that took this for an empty queue would ask without a pause
        return taken

    def commit(
        self,
        lease: Lease,
        node: str,
        result: bytes,
        *,
        start: bytes = b"{}",
        content_key: str = "",
        worker: str = "",
        then_take: str | None = None,
        lanes: Sequence[str] = LANES,
    ) -> tuple[Verdict, Taken | None]:
        """Make a node's result visible. With ``then_take`` (a pool) the next take travels behind it."""
        args = (lease.job, lease.segment, lease.fence, node, result, _now(), start, content_key)
        if then_take is None:
            return Verdict(self._call("commit", *args).decode()), None
        take_args = self._take_args(worker, lease.n, then_take, lanes)
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

    def fail(self, lease: Lease, node: str, failure: bytes, *, retry: bool, start: bytes = b"{}") -> Verdict:
        args = (lease.job, lease.segment, lease.fence, node, failure, "1" if retry else "0", _now(), start)
        return Verdict(self._call("fail", *args).decode())

    def renew(self, lease: Lease, progress: dict[str, bytes] | None = None) -> Verdict:
        flat = [value for pair in (progress or {}).items() for value in pair]
        return Verdict(self._call("renew", lease.job, lease.segment, lease.fence, *flat).decode())

    def release(self, lease: Lease) -> Verdict:
        return Verdict(self._call("release", lease.job, lease.segment, lease.fence).decode())

    def part(self, lease: Lease, node: str, index: int, part: bytes) -> Verdict:
        return Verdict(self._call("part", lease.job, lease.segment, lease.fence, node, index, part).decode())

    def adopt(self, lease: Lease, worker: str, results: dict[str, bytes], start: bytes = b"{}") -> tuple[Verdict, str]:
        """Present a lease after a loss of memory; answers with the fence that is valid from now on."""
        flat = [value for pair in results.items() for value in pair]
        answer = self._call("adopt", lease.job, lease.segment, lease.fence, worker, _now(), start, *flat)
        return Verdict(answer[0].decode()), answer[1].decode() if len(answer) > 1 else ""

    def computed(self, content_key: str) -> bytes | None:
        """A recent result by content key."""
        return cast("bytes | None", self.client.hget(self.keys.computed, content_key))

    def announce(self, worker: str, manifest: bytes, for_s: float) -> None:
        """Say that a worker is up; it is forgotten after ``for_s`` without another word. For display only."""
        pipe = self.client.pipeline(transaction=False)
        pipe.sadd(self.keys.workers, worker)
        pipe.set(self.keys.worker(worker), manifest, px=int(for_s * 1000))
        pipe.execute()

    def leave(self, worker: str, slots: Sequence[str] = ()) -> None:
        """Forget a worker and what was granted last to each of its slots."""
        pipe = self.client.pipeline(transaction=False)
        pipe.srem(self.keys.workers, worker)
        pipe.delete(self.keys.worker(worker))
        pipe.hdel(f"{self.keys.prefix}:granted", worker, *slots)
        pipe.execute()

    def workers(self) -> dict[str, bytes]:
        """Manifests of the workers that are up, by worker id."""
        known = sorted(name.decode() for name in cast("set[bytes]", self.client.smembers(self.keys.workers)))
        if not known:
            return {}
        manifests = cast("list[bytes | None]", self.client.mget([self.keys.worker(name) for name in known]))
        gone = [name for name, manifest in zip(known, manifests, strict=True) if manifest is None]
        if gone:
            self.client.srem(self.keys.workers, *gone)
        return {name: manifest for name, manifest in zip(known, manifests, strict=True) if manifest is not None}

    # -- moves of the control plane ---------------------------------------------------------------------------------

    def leases(self) -> list[Held]:
        raw = cast("dict[bytes, bytes]", self.client.hgetall(self.keys.leases))
        pairs = [(name.decode().rsplit("/", 1), value) for name, value in raw.items()]
        return [Held(job, segment, value) for (job, segment), value in pairs]

    def expire(self, held: Held, failure: bytes) -> Verdict:
        return Verdict(self._call("expire", held.job, held.segment, held.value, failure, _now()).decode())

    def begin_epoch(self, epoch: int, run_id: str, highest_n: int = 0) -> Verdict:
        return Verdict(self._call("begin_epoch", epoch, run_id, highest_n).decode())

    def open_bench(self, epoch: int) -> Verdict:
        return Verdict(self._call("open_bench", epoch).decode())

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

    def queued(self, pools: Iterable[str]) -> set[tuple[str, str]]:
        """(job, segment) of every entry in the pools' queues."""
        entries: set[tuple[str, str]] = set()
        for pool in pools:
            for lane in LANES:
                for _, entry in cast("list[Any]", self.client.xrange(self.keys.queue(pool, lane))):
                    entries.add((entry[b"j"].decode(), entry[b"s"].decode()))
        return entries

    def outbox(self, after: str, count: int = 500) -> list[OutboxEntry]:
        """The next events for the recorder, oldest first."""
        entries = cast(
            "list[Any]", self.client.xrange(self.keys.outbox, min=f"({after}" if after else "-", count=count)
        )
        return [
            OutboxEntry(entry_id.decode(), _event(fields[b"j"].decode(), fields[b"i"], fields))
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
        return [_event(job, entry_id, fields) for _, entries in answer or [] for entry_id, fields in entries]

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

    def _take_args(self, worker: str, last_n: int, pool: str, lanes: Sequence[str]) -> tuple[Any, ...]:
        start = orjson.dumps({"worker": worker})
        return (worker, last_n, pool, start, *lanes)


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


def _event(job: str, event_id: bytes, fields: dict[bytes, bytes]) -> Event:
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
