"""Who watches what: from the reader's thread to the sockets of the event loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from schemas.job import JobRecord
from workbench.client.bench import Bench
from workbench.client.following import Feed, Followed
from workbench.metrics import LIVE_JOBS

if TYPE_CHECKING:
    from workbench.app.live.client import Client


class Hub:
    """One a process. Its methods belong to the event loop that first used it."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.feed = Feed(bench, self._changed)
        self._watchers: dict[str, set[Client]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        LIVE_JOBS.set_function(lambda: self.feed.jobs)

    def join(self, client: Client, job: str) -> Followed | None:
        """Tell the client of a job that others watch; None where nobody does or the client may not see it."""
        followed = self.feed.join(job, client.user.may_see)
        if followed is not None:
            self._watchers.setdefault(job, set()).add(client)
        return followed

    async def follow(self, client: Client, record: JobRecord) -> Followed:
        """Tell the client of each change of the job. Raises WorkbenchError (sql.unreachable)."""
        self._loop = asyncio.get_running_loop()
        following = asyncio.ensure_future(asyncio.to_thread(self.feed.follow, record))
        try:
            followed = await asyncio.shield(following)
        except asyncio.CancelledError:  # the socket has closed meanwhile
            following.add_done_callback(lambda _: self._leave_unheard(following, record.id))
            raise
        self._watchers.setdefault(record.id, set()).add(client)
        return followed

    def _leave_unheard(self, following: asyncio.Future[Followed], job: str) -> None:
        if not following.cancelled() and following.exception() is None:
            self.feed.leave(job)

    def leave(self, client: Client, job: str) -> None:
        """Tell the client no more of the job."""
        watchers = self._watchers.get(job)
        if watchers and client in watchers:
            watchers.discard(client)
            if not watchers:
                del self._watchers[job]
            self.feed.leave(job)

    def close(self) -> None:
        """Stop reading. Blocks for up to three seconds."""
        self.feed.close()

    def _changed(self, jobs: frozenset[str]) -> None:
        assert self._loop is not None  # somebody follows
        try:
            self._loop.call_soon_threadsafe(self._tell, jobs)
        except RuntimeError:  # the loop has ended
            self.feed.stop()

    def _tell(self, jobs: frozenset[str]) -> None:
        for job in jobs:
            for client in self._watchers.get(job, ()):
                client.touch(job)
