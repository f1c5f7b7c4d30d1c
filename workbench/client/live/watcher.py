"""A listener for a socket or a widget: its subscriptions, and the next message to send.

A subscription is an index into a job's list of events and the version of the last sent state. A slow watcher receives
fewer updates with more events each. Nothing is queued for it except the responses to its requests.
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
from workbench.client.live.followed_job import FollowedJob
from workbench.client.live.hub import Hub
from workbench.metrics import EVENT_SECONDS, LIVE_UPDATES

UPDATE_EVERY_S = 0.25
HEARTBEAT_EVERY_S = 15.0
MAX_SUBSCRIPTIONS = 500
MAX_REQUEST_BYTES = 4096
MAX_EVENTS = 1000  # per update; the rest follows in the next update
MAX_EVENT_BYTES = 1 << 20
MAX_UNREAD_ANSWERS = 64

_HEARTBEAT = LiveHeartbeat().to_json()


@dataclass
class Subscription:
    """What a watcher has received of one job."""

    followed: FollowedJob
    place: int  # number of received events
    cursor: str  # cursor of the last of them
    past: int  # events before the subscription, which are not included in the delay metric
    version: int = -1  # version of the received state
    due_at: float = 0.0

    @property
    def stale(self) -> bool:
        return self.version != self.followed.shown.version or self.place < self.followed.shown.count


class Watcher:
    """Handles and creates the messages of ``schemas.live``. Belongs to the event loop.

    Args:
        record_of: returns the record of a job that this listener may see. Raises WorkbenchError (job.unknown). May
            block.
        may_see: whether the listener may see the jobs of an owner.
    """

    def __init__(self, hub: Hub, record_of: Callable[[str], JobRecord], may_see: Callable[[str], bool]) -> None:
        self.hub = hub
        self._record_of = record_of
        self._may_see = may_see
        self.wake = asyncio.Event()
        self.room = asyncio.Event()  # set while responses may be added
        self.room.set()
        self._answers: deque[bytes] = deque()
        self._subscriptions: dict[str, Subscription] = {}
        self._changed: dict[str, None] = {}  # jobs with unsent changes, oldest change first
        self._heartbeat_at = time.monotonic() + HEARTBEAT_EVERY_S

    # -- requests ----------------------------------------------------------------------------------------------------

    async def take(self, text: str | bytes) -> None:
        """Execute a request and add its response. Raises nothing."""
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
                "this socket watches the maximum number of jobs",
                where="subscriptions",
                seen=len(self._subscriptions) + 1,
                allowed=MAX_SUBSCRIPTIONS,
                remedy="Unsubscribe from jobs that are not shown, or open another socket.",
            )
        known = self._subscriptions.get(job)
        followed = known.followed if known else self.hub.join(self, job, self._may_see)
        if followed is None:
            followed = await self.hub.follow(self, await asyncio.to_thread(self._record_of, job))
        self._subscriptions[job] = Subscription(
            followed, followed.place_of(request.after), request.after, len(followed.events)
        )
        if known is not None:  # a repeated request does not send updates earlier
            self._subscriptions[job].due_at = known.due_at
        self.touch(job)

    def watches(self, job: str) -> bool:
        """Whether it is subscribed to the job."""
        return job in self._subscriptions

    def _drop(self, job: str) -> None:
        if self._subscriptions.pop(job, None) is not None:
            self._changed.pop(job, None)
            self.hub.leave(self, job)

    def close(self) -> None:
        """Unsubscribe from all jobs."""
        for job in list(self._subscriptions):
            self._drop(job)

    def _answer(self, response: LiveResponse) -> None:
        self._answers.append(response.model_dump_json(by_alias=True, exclude_none=True).encode())
        if len(self._answers) >= MAX_UNREAD_ANSWERS:
            self.room.clear()
        self.wake.set()

    # -- updates ----------------------------------------------------------------------------------------------------

    def touch(self, job: str) -> None:
        """Called when the job has changed."""
        self._changed.setdefault(job)
        self.wake.set()

    async def next_message(self) -> bytes:
        """The next message to send; waits until there is one."""
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
            self._drop(job)  # the job has ended
        # The state is a JSON object that all watchers share; this watcher's cursor and events are appended to it.
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
            raise ValueError(f"it has more than {MAX_REQUEST_BYTES} characters")
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
        allowed='{"action": "subscribe" or "unsubscribe", "jobId": a job id, "after": a cursor (optional)}',
        remedy="Correct the message; the other subscriptions continue.",
    )
