"""What a Gradio component is given as a file must be a file of this bench, and one the asking user may read.

Gradio takes a component's value from the body of a request. A file there is ``{"path": …}``: an address it would fetch,
and the path of anybody's upload it would open. Both are refused before Gradio sees the request.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import orjson
from anyio import to_thread
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from schemas.errors import WorkbenchError
from workbench.app.answers import error_answer
from workbench.app.identity import User
from workbench.app.uploads.visible import readable
from workbench.client.bench import Bench

_CALLS = re.compile(r"/gradio_api/(queue/join|run/|call/|api/|component_server)")
_ADDRESS = re.compile(r"\s*([a-zA-Z][a-zA-Z0-9+.\-]*:|[/\\]{2})")


class CheckedValues:
    """Pure ASGI; the body's size is bounded by the guard before it."""

    def __init__(self, app: ASGIApp, bench: Bench, folder: Path) -> None:
        self.app = app
        self._bench = bench
        self._uploads = folder / "uploads"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or not _CALLS.match(scope["path"]):
            await self.app(scope, receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
        try:
            await to_thread.run_sync(partial(self._check, body, scope["state"]["user"]))
        except WorkbenchError as error:
            await error_answer(error)(scope, receive, send)
            return
        given = False

        async def again() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self.app(scope, again, send)

    def _check(self, body: bytes, user: User) -> None:
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError:
            return  # Gradio says so in its own words
        for path in _paths(document):
            if _ADDRESS.match(path):
                raise WorkbenchError(
                    "request.invalid",
                    "a file is given by an address, and this server fetches none",
                    where="data",
                    seen=path[:200],
                    allowed="a path that /gradio_api/upload answered",
                    remedy="Upload the file first; gradio_client does so with handle_file(path).",
                )
            place = Path(os.path.abspath(path))  # noqa: PTH100 - links are not followed
            if self._uploads in place.parents:
                readable(self._bench, user, place.relative_to(self._uploads).parts[0])


def _paths(value: Any) -> Iterator[str]:
    """Every ``path`` of an object in a JSON value."""
    left = [value]
    while left:
        item = left.pop()
        if isinstance(item, dict):
            if isinstance(path := item.get("path"), str):
                yield path
            left.extend(item.values())
        elif isinstance(item, list):
            left.extend(item)
