"""Many listeners of one job, in one event loop."""

from __future__ import annotations

import asyncio

import pytest

from tests.live import Diary, LiveDeployment
from workbench.client.live.hub import Hub

pytestmark = pytest.mark.stack


class Leaving:
    """Leaves with the first word it hears, as who waits for an end does."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def touch(self, job: str) -> None:
        self._hub.leave(self, job)


class Staying:
    def __init__(self) -> None:
        self.heard = asyncio.Event()

    def touch(self, job: str) -> None:
        self.heard.set()


def test_a_listener_that_leaves_keeps_no_other_from_hearing(live: LiveDeployment, diary: Diary) -> None:
    job = live.submit({"a": diary.probe("a", sleep_s=1)}).job
    record = live.deployment.job(job)

    async def listen() -> None:
        hub = Hub(live.deployment)
        staying = [Staying() for _ in range(8)]
        for listener in (*(Leaving(hub) for _ in range(8)), *staying):
            await hub.follow(listener, record)
        async with asyncio.timeout(60):
            for listener in staying:
                await listener.heard.wait()
        await asyncio.to_thread(hub.close)

    asyncio.run(listen())
    live.finish(job)
