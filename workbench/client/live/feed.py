"""Follows many jobs with one reader. Each job has one state, however many watchers it has.

The events of a followed job are kept in order from the first one, so a watcher is an index into that list: a slow or
reconnected watcher costs no more than any other. The reader waits for the events of all jobs with one command. Events
that the bus has forgotten or lost come from SQL. The bus is read first, because it forgets only events that SQL has.

A job's end is published after SQL has it, about 0.1 s later, because watchers may then query the job's results.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

import orjson
import structlog

from schemas.errors import WorkbenchError
from schemas.event import Event, Progress
from schemas.job import JobRecord
from workbench.bus import decode
from workbench.bus.bus import Bus
from workbench.bus.connection import BUS_UNREACHABLE
from workbench.bus.job_reader import RawEvent
from workbench.client.deployment import Deployment
from workbench.client.live.followed_job import FollowedJob
from workbench.client.live.state import LiveJob

log = structlog.get_logger()

BLOCK_S = 0.1  # a newly followed job is read after at most this time
GATHER_S = 0.01  # events come in groups, so a short delay lets one read return more of them
PROGRESS_EVERY_S = 0.25
CHECK_EVERY_S = 1.5  # for queues, and for jobs that the bus does not have
BUS_TIMEOUT_S = 2.0
IDLE_S = 5.0  # a reader without jobs stops after this time
RECORDED_S = 3.0  # maximum delay of an end that SQL does not have yet


class Feed:
    """Follows jobs while they have watchers.

    Args:
        on_change: the reader's thread calls it with the ids of jobs that have a new ``shown``.
    """

    def __init__(self, deployment: Deployment, on_change: Callable[[frozenset[str]], None]) -> None:
        self._deployment = deployment
        self._on_change = on_change
        self._followed: dict[str, FollowedJob] = {}
        self._lock = threading.Lock()
        self._work = threading.Event()  # set while there are jobs to read
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._away = False
        self._bus = Bus(deployment.settings.bus_url, deployment.settings.namespace, timeout_s=BUS_TIMEOUT_S)

    def join(self, job: str, allowed: Callable[[str], bool]) -> FollowedJob | None:
        """Start to watch a job that is already followed, if its owner is ``allowed``; else None. Does not block."""
        with self._lock:
            known = self._followed.get(job)
            if known is None or not allowed(known.owner):
                return None
            known.watchers += 1
            return known

    def follow(self, record: JobRecord) -> FollowedJob:
        """Start to watch a job; each call needs a call of ``leave``. Blocks while it reads the past events.

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
        """Stop watching a job. Without watchers, its state is dropped."""
        with self._lock:
            known = self._followed.get(job)
            if known is not None:
                known.watchers -= 1
                if known.watchers <= 0:
                    del self._followed[job]

    def stop(self) -> None:
        """Tell the reader to stop."""
        self._stopping = True
        self._work.set()

    def close(self) -> None:
        """Stop the reader and wait for its end."""
        self.stop()
        if self._thread is not None:
            self._thread.join(timeout=BUS_TIMEOUT_S + 1)
        self._bus.close()

    @property
    def jobs(self) -> int:
        """The number of followed jobs."""
        return len(self._followed)

    # -- the past ---------------------------------------------------------------------------------------------------

    def _caught_up(self, record: JobRecord) -> FollowedJob:
        followed = FollowedJob(record.id, record.owner, LiveJob(record, self._deployment.expectation(record)))
        away = False
        try:
            on_bus = self._read(record.id, self._bus.job_reader.history(record.id))
        except BUS_UNREACHABLE:
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
            except (ValueError, KeyError) as fault:  # a bad entry must not hide the entries after it
                log.warning("event not readable", job=job, number=number.decode(), error=str(fault)[:300])
        return events

    # -- the reader -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        progress_at = checked_at = 0.0
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
                if self._read_events(reading, touched):
                    time.sleep(GATHER_S)
                now = time.monotonic()
                if now - progress_at >= PROGRESS_EVERY_S:
                    progress_at = now
                    self._read_progress(reading, touched)
                if now - checked_at >= CHECK_EVERY_S:
                    checked_at = now
                    self._check_queues(reading, touched)
                self._set_bus_away(reading, False, touched)
            except BUS_UNREACHABLE as error:
                if not self._away:
                    log.warning("the bus does not answer", error=str(error))
                self._set_bus_away(reading, True, touched)
                time.sleep(PROGRESS_EVERY_S)
            except WorkbenchError as error:  # SQL is unreachable: the query is repeated
                log.warning("live state is outdated", error=error.message)
                time.sleep(PROGRESS_EVERY_S)
            except Exception:
                log.exception("reading live jobs failed")
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

    def _read_events(self, reading: list[FollowedJob], touched: set[str]) -> bool:
        now = time.monotonic()
        by_job = {one.job: one for one in reading if one.paused_until <= now}
        if not by_job:
            time.sleep(BLOCK_S)
            return False
        received = self._bus.job_reader.events({one.job: one.cursor for one in by_job.values()}, BLOCK_S)
        for job, entries in received.items():
            followed = by_job[job]
            events = self._read(job, entries)
            if events and not followed.continues_with(events[0]):  # the bus has lost or forgotten events
                try:
                    events = _merged(self._deployment.events(job, followed.cursor), events)
                except WorkbenchError as error:  # try again later; the other jobs continue
                    log.warning("live state is outdated", job=job, error=error.message)
                    followed.paused_until = time.monotonic() + CHECK_EVERY_S
                    continue
            if followed.add(events):
                touched.add(job)
        return bool(received)

    def _read_progress(self, reading: list[FollowedJob], touched: set[str]) -> None:
        working = {one.job: nodes for one in reading if (nodes := one.live.working)}
        reported = self._bus.job_reader.reported(working)
        for one in reading:
            if one.job in reported:
                try:
                    found = reported[one.job]
                    one.live.report((Progress.model_validate(orjson.loads(raw)) for raw in found.progress), found.parts)
                except ValueError as fault:
                    log.warning("progress not readable", job=one.job, error=str(fault)[:300])
                touched.add(one.job)

    def _check_queues(self, reading: list[FollowedJob], touched: set[str]) -> None:
        queued = [one for one in reading if one.live.queued]
        places = self._bus.job_reader.places(one.job for one in queued) if queued else {}
        for one in queued:
            one.live.set_queue_place(places.get(one.job))
            touched.add(one.job)
        silent = {one.job: one for one in reading if time.monotonic() - one.event_at >= CHECK_EVERY_S}
        for job in self._bus.job_reader.unknown(silent):
            followed = silent[job]
            record = self._deployment.store.get(job)  # read before the events, so that they include the job's end
            followed.add(self._deployment.events(job, followed.cursor))
            if record is not None and record.status.final and not followed.live.ended:
                followed.live.fold.take(record)
            touched.add(job)

    def _unrecorded(self, followed: Iterable[FollowedJob]) -> set[str]:
        """Jobs whose end was just received and is not in SQL yet."""
        since = time.monotonic() - RECORDED_S
        ended = [one.job for one in followed if one.ended_at > since]
        try:
            return self._deployment.store.unfinished_among(ended) if ended else set()
        except WorkbenchError:  # SQL is unreachable: publish without waiting for it
            return set()

    def _set_bus_away(self, reading: list[FollowedJob], away: bool, touched: set[str]) -> None:
        self._away = away
        for one in reading:
            if one.live.bus_away != away:
                one.live.bus_away = away
                touched.add(one.job)


def _shows(followed: FollowedJob) -> bool:
    """Call ``show``. An error in one job must not affect the other jobs."""
    try:
        return followed.show()
    except Exception:
        log.exception("a job's state cannot be published", job=followed.job)
        return False


def _merged(recorded: Iterable[Event], on_bus: Iterable[Event]) -> list[Event]:
    """The events of both, in order, without duplicates."""
    by_number = {(event.epoch, event.seq): event for event in (*recorded, *on_bus)}
    return [by_number[number] for number in sorted(by_number)]
