"""One listener, with a socket or a widget behind it: what it asked for, and the next thing it is told.

A subscription is a place in a job's list of events and the version of the state that was sent last. A watcher that
reads slowly is sent fewer updates, each with more events; nothing is queued for it but the answers to its requests.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import ValidationError

from schemas.errors import WorkbenchError
from schemas.job import JobRecord
from schemas.live import LiveHeartbeat, LiveRequest, LiveResponse
from schemas.problem import first_problem
from workbench.client.live.feed import Followed
from workbench.client.live.hub import Hub
from workbench.metrics import EVENT_SECONDS, LIVE_UPDATES

UPDATE_EVERY_S = 0.25
HEARTBEAT_EVERY_S = 15.0
MAX_SUBSCRIPTIONS = 500
MAX_REQUEST_BYTES = 4096
MAX_EVENTS = 1000  # in one update; what is left follows in the next
MAX_EVENT_BYTES = 1 << 20
MAX_UNREAD_ANSWERS = 64

_HEARTBEAT = LiveHeartbeat().to_json()


@dataclass
class Subscription:
    """What a watcher was told of one job."""

    followed: Followed
    place: int  # events that it has
    cursor: str  # of the last of them
    past: int  # events that were there before it: how late they are says nothing
    version: int = -1  # of the state it has
    due_at: float = 0.0

    @property
    def stale(self) -> bool:
        return self.version != self.followed.shown.version or self.place < self.followed.shown.count


class Watcher:
    """Takes the messages of ``schemas.live`` and makes them. Belongs to the event loop.

    Args:
        record_of: the record of a job that this listener may see. Raises WorkbenchError (job.unknown). May block.
        may_see: whether it may see the jobs of an owner.
    """

    def __init__(self, hub: Hub, record_of: Callable[[str], JobRecord], may_see: Callable[[str], bool]) -> None:
        self.hub = hub
        self._record_of = record_of
        self._may_see = may_see
        self.wake = asyncio.Event()
        self.room = asyncio.Event()  # set while answers may be added
        self.room.set()
        self._answers: deque[bytes] = deque()
        self._subscriptions: dict[str, Subscription] = {}
        self._changed: dict[str, None] = {}  # jobs with something to say, in the order in which it came up
        self._heartbeat_at = time.monotonic() + HEARTBEAT_EVERY_S

    # -- what it asks for -------------------------------------------------------------------------------------------

    async def take(self, text: str | bytes) -> None:
        """Do what a message asks for and answer it. Raises nothing."""
        await self.room.wait()
        job = ""
        try:
            document = _document(text)
            if isinstance(document, dict) and isinstance(document.get("jobId"), str):
                job = document["jobId"]
            request = _request(document)
            if request.action == "subscribe":
                await self._subscribe(request)
                self._answer(LiveResponse(message="subscribed", job_id=job))
            else:
                self._drop(job)
                self._answer(LiveResponse(message="unsubscribed", job_id=job))
        except WorkbenchError as error:
            info = error.info()
            self._answer(
                LiveResponse(message="failed", job_id=job, error=info.message, code=info.code, details=info.details)
            )

    async def _subscribe(self, request: LiveRequest) -> None:
        job = request.job_id
        if job not in self._subscriptions and len(self._subscriptions) >= MAX_SUBSCRIPTIONS:
            raise WorkbenchError(
                "access.too_many",
                "this socket watches as many jobs as one may",
                where="subscriptions",
                seen=len(self._subscriptions) + 1,
                allowed=MAX_SUBSCRIPTIONS,
                remedy="Unsubscribe from jobs that nobody looks at, or open another socket.",
            )
        known = self._subscriptions.get(job)
        followed = known.followed if known else self.hub.join(self, job, self._may_see)
        if followed is None:
            followed = await self.hub.follow(self, await asyncio.to_thread(self._record_of, job))
        self._subscriptions[job] = Subscription(
            followed, followed.place_of(request.after), request.after, len(followed.events)
        )
        if known is not None:  # asking again brings nothing sooner
            self._subscriptions[job].due_at = known.due_at
        self.touch(job)

    def _drop(self, job: str) -> None:
        if self._subscriptions.pop(job, None) is not None:
            self._changed.pop(job, None)
            self.hub.leave(self, job)

    def close(self) -> None:
        """Leave every job."""
        for job in list(self._subscriptions):
            self._drop(job)

    def _answer(self, response: LiveResponse) -> None:
        self._answers.append(response.model_dump_json(by_alias=True, exclude_none=True).encode())
        if len(self._answers) >= MAX_UNREAD_ANSWERS:
            self.room.clear()
        self.wake.set()

    # -- what it is told --------------------------------------------------------------------------------------------

    def touch(self, job: str) -> None:
        """Something of the job is new."""
        self._changed.setdefault(job)
        self.wake.set()

    async def next_message(self) -> bytes:
        """The next thing to send; waits until there is one."""
        while True:
            self.wake.clear()
            if self._answers:
                answer = self._answers.popleft()
                self.room.set()
                return answer
            now = time.monotonic()
            if now >= self._heartbeat_at:
                self._heartbeat_at = now + HEARTBEAT_EVERY_S
                return _HEARTBEAT
            if (update := self._next_update(now)) is not None:
                return update
            due = min((self._subscriptions[job].due_at for job in self._changed), default=self._heartbeat_at)
            try:
                await asyncio.wait_for(self.wake.wait(), max(0.0, min(due, self._heartbeat_at) - now))
            except TimeoutError:
                continue

    def _next_update(self, now: float) -> bytes | None:
        for job in list(self._changed):
            subscription = self._subscriptions[job]
            if subscription.due_at > now:
                continue
            del self._changed[job]
            if subscription.stale:
                subscription.due_at = now + UPDATE_EVERY_S
                return self._update(job, subscription)
        return None

    def _update(self, job: str, subscription: Subscription) -> bytes:
        followed, shown, place = subscription.followed, subscription.followed.shown, subscription.place
        end, size = place, 0
        while end < shown.count and end - place < MAX_EVENTS and (size < MAX_EVENT_BYTES or end == place):
            size += len(followed.events[end])
            end += 1
        self._count(subscription, end)
        if end > place:
            subscription.place, subscription.cursor = end, followed.cursor_at(end)
        subscription.version = shown.version
        if end < shown.count:
            self._changed.setdefault(job)
        elif shown.final:
            self._drop(job)  # nothing more will come
        # The state is one JSON object, the same for all watchers; cursor and events of this one are added at its end.
        cursor = f'"cursor":"{subscription.cursor}"'.encode()
        return b'%b,%b,"events":[%b]}' % (shown.state[:-1], cursor, b",".join(followed.events[place:end]))

    def _count(self, subscription: Subscription, end: int) -> None:
        LIVE_UPDATES.inc()
        now = time.time()
        for at in subscription.followed.written_at[max(subscription.place, subscription.past) : end]:
            EVENT_SECONDS.observe(max(0.0, now - at))


def _document(text: str | bytes) -> Any:
    """The message as JSON. Raises WorkbenchError (request.invalid)."""
    try:
        if len(text) > MAX_REQUEST_BYTES:
            raise ValueError(f"it is longer than {MAX_REQUEST_BYTES} characters")
        return orjson.loads(text)
    except ValueError as fault:
        raise _unreadable("message", str(fault)) from None


def _request(document: Any) -> LiveRequest:
    """Raises WorkbenchError (request.invalid)."""
    try:
        return LiveRequest.model_validate(document)
    except ValidationError as fault:
        problem = first_problem(fault)
        raise _unreadable(problem.place or "message", problem.text) from None


def _unreadable(where: str, why: str) -> WorkbenchError:
    return WorkbenchError(
        "request.invalid",
        f"the message cannot be read: {why}",
        where=where,
        allowed='{"action": "subscribe" or "unsubscribe", "jobId": an id, "after": a cursor, if any}',
        remedy="Correct the message; the other subscriptions go on.",
    )
