"""Following many jobs with one reader: each has one state, however many watch it.

A followed job's events are kept in order from the first on, so that a watcher is a place in that list: one that is
slow or was away costs nothing more than one that is not. The reader waits for the events of all jobs with one command.
What the bus has forgotten, or lost, comes from SQL: the bus is read first, because it forgets only what SQL has.

The end of a job is told once SQL has it, a tenth of a second later: who hears of it may ask for what the job made.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import orjson
import structlog

from schemas.errors import WorkbenchError
from schemas.event import Event, Progress
from schemas.job import JobRecord
from workbench.bus import decode
from workbench.bus.bus import Bus
from workbench.bus.connection import BUS_AWAY
from workbench.bus.watching import RawEvent
from workbench.client.deployment import Deployment
from workbench.client.live.state import LiveJob

log = structlog.get_logger()

BLOCK_S = 0.1  # a job that is followed from now on is read after this long
GATHER_S = 0.01  # events come in groups: a moment later one reading has more of them
PROGRESS_EVERY_S = 0.25
LOOK_EVERY_S = 1.5  # at queues, and for jobs that the bus does not know
BUS_TIMEOUT_S = 2.0
IDLE_S = 5.0  # the reader of nothing ends after this long
RECORDED_S = 3.0  # so long an end that SQL does not know yet is kept back

Number = tuple[int, int]  # of an event: epoch and sequence


@dataclass(frozen=True)
class Shown:
    """A job's state at one moment."""

    version: int
    state: bytes  # a LiveUpdate without cursor and events, as JSON
    count: int  # of the events that led to it
    final: bool


@dataclass
class Followed:
    """A job that is followed. Only the reader changes it; ``shown`` is replaced whole and ``events`` only grows."""

    job: str
    owner: str
    live: LiveJob
    numbers: list[Number] = field(default_factory=list)
    events: list[bytes] = field(default_factory=list)  # as JSON
    written_at: list[float] = field(default_factory=list)  # on their writers' clocks
    shown: Shown = Shown(0, b"", 0, False)
    watchers: int = 0
    heard_at: float = 0.0
    resting_until: float = 0.0  # SQL was away when it was needed: not read before
    ended_at: float = 0.0  # when its end was heard of

    @property
    def cursor(self) -> str:
        """Number of the last event."""
        return "{}-{}".format(*self.numbers[-1]) if self.numbers else "0-0"

    def place_of(self, cursor: str) -> int:
        """How many of its events are not behind the cursor."""
        epoch, _, seq = cursor.partition("-")
        return bisect_right(self.numbers, (int(epoch), int(seq)))

    def cursor_at(self, count: int) -> str:
        """The cursor behind the first ``count`` events."""
        return "{}-{}".format(*self.numbers[count - 1]) if count else "0-0"

    def add(self, events: Iterable[Event]) -> bool:
        """Take events in that are newer than those before. Returns whether there were any."""
        before = len(self.numbers)
        for event in events:
            number = (event.epoch, event.seq)
            if self.numbers and number <= self.numbers[-1]:
                continue
            self.live.see(event)
            self.events.append(event.to_json())
            self.written_at.append(event.at)
            self.numbers.append(number)
        if grown := len(self.numbers) > before:
            self.heard_at = time.monotonic()
            if self.live.ended:
                self.ended_at = self.ended_at or self.heard_at
        return grown

    def show(self) -> bool:
        """Publish the state if it is another one. Returns whether it is."""
        state = self.live.state().model_dump_json(by_alias=True, exclude={"cursor", "events"}).encode()
        if state == self.shown.state and len(self.numbers) == self.shown.count:
            return False
        self.shown = Shown(self.shown.version + 1, state, len(self.numbers), self.live.ended)
        return True


class Feed:
    """Follows jobs while anybody watches them.

    Args:
        on_change: called by the reader's thread with the ids of jobs whose ``shown`` is new.
    """

    def __init__(self, deployment: Deployment, on_change: Callable[[frozenset[str]], None]) -> None:
        self._deployment = deployment
        self._on_change = on_change
        self._followed: dict[str, Followed] = {}
        self._lock = threading.Lock()
        self._work = threading.Event()  # set while there is something to read
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._away = False
        self._bus = Bus(deployment.settings.bus_url, deployment.settings.namespace, timeout_s=BUS_TIMEOUT_S)

    def join(self, job: str, allowed: Callable[[str], bool]) -> Followed | None:
        """Begin to watch a job that is followed already, if its owner is ``allowed``; else None. Does not block."""
        with self._lock:
            known = self._followed.get(job)
            if known is None or not allowed(known.owner):
                return None
            known.watchers += 1
            return known

    def follow(self, record: JobRecord) -> Followed:
        """Begin to watch a job; each call has its ``leave``. Blocks for reading its past.

        Raises WorkbenchError: sql.unreachable.
        """
        if (known := self.join(record.id, lambda _: True)) is not None:
            return known
        fresh = self._caught_up(record)
        with self._lock:
            known = self._followed.setdefault(record.id, fresh)
            known.watchers += 1
            if not known.shown.final:
                self._work.set()
                if (self._thread is None or not self._thread.is_alive()) and not self._stopping:
                    self._thread = threading.Thread(target=self._run, name="feed", daemon=True)
                    self._thread.start()
        return known

    def leave(self, job: str) -> None:
        """Watch a job no more; without watchers nothing of it is kept."""
        with self._lock:
            known = self._followed.get(job)
            if known is not None:
                known.watchers -= 1
                if known.watchers <= 0:
                    del self._followed[job]

    def stop(self) -> None:
        """Let the reader end."""
        self._stopping = True
        self._work.set()

    def close(self) -> None:
        """Stop reading. Blocks until the reader has ended."""
        self.stop()
        if self._thread is not None:
            self._thread.join(timeout=BUS_TIMEOUT_S + 1)
        self._bus.close()

    @property
    def jobs(self) -> int:
        """How many jobs are followed."""
        return len(self._followed)

    # -- the past ---------------------------------------------------------------------------------------------------

    def _caught_up(self, record: JobRecord) -> Followed:
        followed = Followed(record.id, record.owner, LiveJob(record, self._deployment.typical_seconds(record)))
        away = False
        try:
            on_bus = self._read(record.id, self._bus.watching.history(record.id))
        except BUS_AWAY:
            on_bus, away = [], not record.status.final
        followed.add(_merged(self._deployment.events(record.id), on_bus))
        if record.status.final:
            followed.live.fold.take(record)
        while self._unrecorded([followed]):
            time.sleep(BLOCK_S / 4)
        followed.live.bus_away = away
        followed.show()
        return followed

    def _read(self, job: str, entries: Iterable[RawEvent]) -> list[Event]:
        events = []
        for number, fields in entries:
            try:
                events.append(decode.event(job, number, fields))
            except (ValueError, KeyError) as fault:  # one bad entry keeps nobody from all that follow
                log.warning("event not readable", job=job, number=number.decode(), error=str(fault)[:300])
        return events

    # -- the reader -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        asked_at = looked_at = 0.0
        while not self._stopping:
            with self._lock:
                reading = [one for one in self._followed.values() if not one.shown.final]
                if not reading:
                    self._work.clear()
            if not reading:
                if not self._work.wait(IDLE_S) and self._ended():
                    return
                continue
            touched: set[str] = set()
            try:
                if self._hear(reading, touched):
                    time.sleep(GATHER_S)
                now = time.monotonic()
                if now - asked_at >= PROGRESS_EVERY_S:
                    asked_at = now
                    self._ask_progress(reading, touched)
                if now - looked_at >= LOOK_EVERY_S:
                    looked_at = now
                    self._look(reading, touched)
                self._said_away(reading, False, touched)
            except BUS_AWAY as error:
                if not self._away:
                    log.warning("the bus does not answer", error=str(error))
                self._said_away(reading, True, touched)
                time.sleep(PROGRESS_EVERY_S)
            except WorkbenchError as error:  # SQL is away: what was asked of it is asked again
                log.warning("live state is old", error=error.message)
                time.sleep(PROGRESS_EVERY_S)
            except Exception:
                log.exception("a reading of live jobs failed")
                time.sleep(PROGRESS_EVERY_S)
            unrecorded = self._unrecorded(reading)
            changed = frozenset(
                one.job
                for one in reading
                if (one.job in touched or one.ended_at) and one.job not in unrecorded and _shows(one)
            )
            if changed and not self._stopping:
                self._on_change(changed)

    def _ended(self) -> bool:
        with self._lock:
            if self._work.is_set():
                return False
            self._thread = None
            return True

    def _hear(self, reading: list[Followed], touched: set[str]) -> bool:
        now = time.monotonic()
        by_job = {one.job: one for one in reading if one.resting_until <= now}
        if not by_job:
            time.sleep(BLOCK_S)
            return False
        heard = self._bus.watching.events({one.job: one.cursor for one in by_job.values()}, BLOCK_S)
        for job, entries in heard.items():
            followed = by_job[job]
            events = self._read(job, entries)
            if events and not _next_to(followed.numbers, events[0]):  # the bus has lost or forgotten some
                try:
                    events = _merged(self._deployment.events(job, followed.cursor), events)
                except WorkbenchError as error:  # asked again after a while; the other jobs go on
                    log.warning("live state is old", job=job, error=error.message)
                    followed.resting_until = time.monotonic() + LOOK_EVERY_S
                    continue
            if followed.add(events):
                touched.add(job)
        return bool(heard)

    def _ask_progress(self, reading: list[Followed], touched: set[str]) -> None:
        running = {one.job: nodes for one in reading if (nodes := one.live.running)}
        reported = self._bus.watching.reported(running)
        for one in reading:
            if one.job in reported:
                try:
                    one.live.report(Progress.model_validate(orjson.loads(raw)) for raw in reported[one.job])
                except ValueError as fault:
                    log.warning("progress not readable", job=one.job, error=str(fault)[:300])
                touched.add(one.job)

    def _look(self, reading: list[Followed], touched: set[str]) -> None:
        queued = [one for one in reading if one.live.queued]
        places = self._bus.watching.places(one.job for one in queued) if queued else {}
        for one in queued:
            one.live.stands(places.get(one.job))
            touched.add(one.job)
        silent = {one.job: one for one in reading if time.monotonic() - one.heard_at >= LOOK_EVERY_S}
        for job in self._bus.watching.unknown(silent):
            followed = silent[job]
            record = self._deployment.store.get(job)  # asked first: what ends it is then among the events
            followed.add(self._deployment.events(job, followed.cursor))
            if record is not None and record.status.final and not followed.live.ended:
                followed.live.fold.take(record)
            touched.add(job)

    def _unrecorded(self, followed: Iterable[Followed]) -> set[str]:
        """Jobs whose end was just heard of and is not in SQL yet."""
        since = time.monotonic() - RECORDED_S
        ended = [one.job for one in followed if one.ended_at > since]
        try:
            return self._deployment.store.unfinished_among(ended) if ended else set()
        except WorkbenchError:  # SQL is away: nothing is kept back for it
            return set()

    def _said_away(self, reading: list[Followed], away: bool, touched: set[str]) -> None:
        self._away = away
        for one in reading:
            if one.live.bus_away != away:
                one.live.bus_away = away
                touched.add(one.job)


def _shows(followed: Followed) -> bool:
    """``show``; what goes wrong with one job keeps nobody from all that follow."""
    try:
        return followed.show()
    except Exception:
        log.exception("a job's state cannot be shown", job=followed.job)
        return False


def _next_to(numbers: list[Number], event: Event) -> bool:
    """Whether nothing can lie between what is known and that event."""
    if not numbers:
        return event.seq == 1 and event.epoch <= 1
    epoch, seq = numbers[-1]
    return (event.epoch, event.seq) == (epoch, seq + 1)


def _merged(recorded: Iterable[Event], on_bus: Iterable[Event]) -> list[Event]:
    """Events of both, in order, each once."""
    by_number = {(event.epoch, event.seq): event for event in (*recorded, *on_bus)}
    return [by_number[number] for number in sorted(by_number)]
