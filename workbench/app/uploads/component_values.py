"""What a Gradio component is given as a file must be a file of this deployment, and one the asking user may read.

Gradio takes a component's value from the body of a request. A file there is ``{"path": …}``, and Gradio opens or
fetches whatever it names; bytes in a ``data:`` URL it decodes itself. So a path must be that of an upload which the
asking user may read; all else is refused before Gradio sees the request, and so is a body that only Gradio's reader of
JSON would understand.
"""

from __future__ import annotations

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
from workbench.app.uploads.copies import place_of, use
from workbench.client.access import User, readable
from workbench.client.deployment import Deployment

_CALLS = re.compile(r"/gradio_api/(queue/join|run/|call/|api/|stream/|component_server)")


class CheckedValues:
    """Pure ASGI; the body's size is bounded by the guard before it."""

    def __init__(self, app: ASGIApp, deployment: Deployment, folder: Path) -> None:
        self.app = app
        self._deployment = deployment
        self._folder = folder

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
        if not body:
            return  # Gradio says so in its own words
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError as error:  # Python's own reader takes more: NaN, lone surrogates, UTF-16
            raise WorkbenchError(
                "graph.not_json", str(error), where="the body of the request", remedy="Send JSON as UTF-8."
            ) from error
        for path in _given(document, "path"):
            place = place_of(path, self._folder)
            if place is None:
                raise _not_uploaded(path)
            readable(self._deployment, user, place.parent.name)
            if not use(place):
                raise _not_uploaded(path)
        for url in _given(document, "url"):
            if url.lstrip()[:5].lower() == "data:":  # Gradio would decode it in this process
                raise _not_uploaded(url)


def _not_uploaded(path: str) -> WorkbenchError:
    return WorkbenchError(
        "request.invalid",
        "a file is given that was not uploaded here",
        where="data",
        seen=path[:200],
        allowed="a path that /gradio_api/upload answered",
        remedy="Upload the file first; gradio_client does so with handle_file(path).",
    )


def _given(value: Any, name: str) -> Iterator[str]:
    """Every text of that name of an object in a JSON value."""
    left = [value]
    while left:
        item = left.pop()
        if isinstance(item, dict):
            if isinstance(text := item.get(name), str):
                yield text
            left.extend(item.values())
        elif isinstance(item, list):
            left.extend(item)
