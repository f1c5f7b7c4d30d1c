"""Many listeners of one job, in one event loop."""

from __future__ import annotations

import asyncio

import pytest

from tests.live import Diary, LiveDeployment
from workbench.client.live.hub import Hub

pytestmark = pytest.mark.stack


class Leaving:
    """A listener that unsubscribes at its first notification, like one that waits for the end of a job."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def touch(self, job: str) -> None:
        self._hub.leave(self, job)


class Staying:
    def __init__(self) -> None:
        self.heard = asyncio.Event()

    def touch(self, job: str) -> None:
        self.heard.set()


def test_a_leaving_listener_does_not_block_the_others(live: LiveDeployment, diary: Diary) -> None:
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
