"""Passes changes of jobs from the reader's thread to the listeners of an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from schemas.job import JobRecord
from workbench.client.deployment import Deployment
from workbench.client.live.feed import Feed
from workbench.client.live.followed_job import FollowedJob
from workbench.metrics import LIVE_JOBS


class Listener(Protocol):
    """A watcher of jobs. Belongs to the event loop."""

    def touch(self, job: str) -> None:
        """Called when the job has changed."""


class Hub:
    """One per process. Its methods belong to the event loop that first used it."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.feed = Feed(deployment, self._changed)
        self._listeners: dict[str, set[Listener]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        LIVE_JOBS.set_function(lambda: self.feed.jobs)

    def join(self, listener: Listener, job: str, may_see: Callable[[str], bool]) -> FollowedJob | None:
        """Subscribe the listener to a watched job; None if it has no watcher or the listener may not see its owner."""
        followed = self.feed.join(job, may_see)
        if followed is not None:
            self._listeners.setdefault(job, set()).add(listener)
        return followed

    async def follow(self, listener: Listener, record: JobRecord) -> FollowedJob:
        """Subscribe the listener to the job. Raises WorkbenchError (sql.unreachable)."""
        self._loop = asyncio.get_running_loop()
        following = asyncio.ensure_future(asyncio.to_thread(self.feed.follow, record))
        try:
            followed = await asyncio.shield(following)
        except asyncio.CancelledError:  # the listener was closed meanwhile
            following.add_done_callback(lambda _: self._leave_cancelled(following, record.id))
            raise
        self._listeners.setdefault(record.id, set()).add(listener)
        return followed

    def _leave_cancelled(self, following: asyncio.Future[FollowedJob], job: str) -> None:
        if not following.cancelled() and following.exception() is None:
            self.feed.leave(job)

    def leave(self, listener: Listener, job: str) -> None:
        """Unsubscribe the listener from the job."""
        listeners = self._listeners.get(job)
        if listeners and listener in listeners:
            listeners.discard(listener)
            if not listeners:
                del self._listeners[job]
            self.feed.leave(job)

    def close(self) -> None:
        """Stop reading. Blocks for up to three seconds."""
        self.feed.close()

    def _changed(self, jobs: frozenset[str]) -> None:
        assert self._loop is not None  # a job is followed
        try:
            self._loop.call_soon_threadsafe(self._notify, jobs)
        except RuntimeError:  # the loop has ended
            self.feed.stop()

    def _notify(self, jobs: frozenset[str]) -> None:
        for job in jobs:
            for listener in tuple(self._listeners.get(job, ())):  # a listener may leave when it learns of the job's end
                listener.touch(job)
