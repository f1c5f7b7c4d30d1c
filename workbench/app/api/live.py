"""``WS /ws``: a watcher with a socket."""

from __future__ import annotations

import asyncio
import contextlib

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from starlette.websockets import WebSocketState

from workbench.app.identity import current_user
from workbench.client.access import visible
from workbench.client.live.hub import Hub
from workbench.client.live.watcher import Watcher
from workbench.metrics import LIVE_BYTES, LIVE_CLIENTS, LIVE_CLOSED

# A client that takes no message for this long is closed and can come back with its cursors: sooner than a ping is
# missed, which says nothing of why. The word of it stands behind what the client has not read, so it is given time.
TOO_SLOW_S = 10.0
CLOSE_WITHIN_S = 15.0
CLOSE_TOO_SLOW = 1013  # "try again later"

router = APIRouter()


@router.websocket("/ws")
async def watch_jobs(socket: WebSocket) -> None:
    """Live states of jobs; docs/live.md describes the messages."""
    hub: Hub = socket.app.state.hub
    await socket.accept()
    user = current_user(socket)
    watcher = Watcher(hub, lambda job: visible(user, hub.deployment.job(job)), user.may_see)
    LIVE_CLIENTS.inc()
    hearing = asyncio.create_task(_hear(socket, watcher))
    telling = asyncio.create_task(_tell(socket, watcher))
    try:
        done, _ = await asyncio.wait((hearing, telling), return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    except TimeoutError:
        watcher.close()
        LIVE_CLOSED.inc()
        with contextlib.suppress(TimeoutError, WebSocketDisconnect, RuntimeError):
            async with asyncio.timeout(CLOSE_WITHIN_S):
                await socket.close(CLOSE_TOO_SLOW, "too slow: come back with your cursors")
    except WebSocketDisconnect:  # it went away, or its login ended
        pass
    except RuntimeError:  # something was sent behind the end
        if socket.application_state is WebSocketState.CONNECTED and socket.client_state is WebSocketState.CONNECTED:
            raise
    finally:
        for task in (hearing, telling):
            task.cancel()
        await asyncio.gather(hearing, telling, return_exceptions=True)
        watcher.close()
        LIVE_CLIENTS.dec()


async def _hear(socket: WebSocket, watcher: Watcher) -> None:
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        await watcher.take(message.get("text") or message.get("bytes") or "")


async def _tell(socket: WebSocket, watcher: Watcher) -> None:
    while True:
        message = await watcher.next_message()
        async with asyncio.timeout(TOO_SLOW_S):
            await socket.send({"type": "websocket.send", "text": message.decode()})
        LIVE_BYTES.inc(len(message))
