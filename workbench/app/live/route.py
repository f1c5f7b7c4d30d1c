"""The socket itself."""

from __future__ import annotations

import asyncio
import contextlib

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from starlette.websockets import WebSocketState

from workbench.app.identity import current_user
from workbench.app.live.client import Client
from workbench.app.live.hub import Hub
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
    client = Client(hub, current_user(socket))
    LIVE_CLIENTS.inc()
    hearing = asyncio.create_task(_hear(socket, client))
    telling = asyncio.create_task(_tell(socket, client))
    try:
        done, _ = await asyncio.wait((hearing, telling), return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    except TimeoutError:
        client.close()
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
        client.close()
        LIVE_CLIENTS.dec()


async def _hear(socket: WebSocket, client: Client) -> None:
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        await client.take(message.get("text") or message.get("bytes") or "")


async def _tell(socket: WebSocket, client: Client) -> None:
    while True:
        message = await client.next_message()
        async with asyncio.timeout(TOO_SLOW_S):
            await socket.send({"type": "websocket.send", "text": message.decode()})
        LIVE_BYTES.inc(len(message))
