"""``WS /ws``: connects a WebSocket with a watcher of jobs."""

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

# A client that reads no message for this long is disconnected and can reconnect with its cursors. This happens before
# a ping times out, because a ping timeout gives no reason. The close frame is queued behind the unread messages, so
# the client gets extra time to read it.
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
    receiving = asyncio.create_task(_receive(socket, watcher))
    sending = asyncio.create_task(_send(socket, watcher))
    try:
        done, _ = await asyncio.wait((receiving, sending), return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    except TimeoutError:
        watcher.close()
        LIVE_CLOSED.inc()
        with contextlib.suppress(TimeoutError, WebSocketDisconnect, RuntimeError):
            async with asyncio.timeout(CLOSE_WITHIN_S):
                await socket.close(CLOSE_TOO_SLOW, "too slow: reconnect with your cursors")
    except WebSocketDisconnect:  # the client disconnected, or its login ended
        pass
    except RuntimeError:  # a message was sent after the close
        if socket.application_state is WebSocketState.CONNECTED and socket.client_state is WebSocketState.CONNECTED:
            raise
    finally:
        for task in (receiving, sending):
            task.cancel()
        await asyncio.gather(receiving, sending, return_exceptions=True)
        watcher.close()
        LIVE_CLIENTS.dec()


async def _receive(socket: WebSocket, watcher: Watcher) -> None:
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        await watcher.take(message.get("text") or message.get("bytes") or "")


async def _send(socket: WebSocket, watcher: Watcher) -> None:
    while True:
        message = await watcher.next_message()
        async with asyncio.timeout(TOO_SLOW_S):
            await socket.send({"type": "websocket.send", "text": message.decode()})
        LIVE_BYTES.inc(len(message))
