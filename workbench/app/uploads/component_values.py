"""Checks that file values of Gradio components are uploads that the user may read.

Gradio takes a component's value from the body of a request. A file there is ``{"path": …}``. Gradio opens or fetches
any path and decodes ``data:`` URLs. So a path must be that of an upload that the user may read. Everything else is
refused before Gradio sees the request, and so is a body that only Gradio's JSON parser would accept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import orjson
from anyio import to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from schemas.errors import WorkbenchError
from workbench.app.error_responses import error_response
from workbench.app.uploads.copies import place_of, use
from workbench.client.access import User, readable
from workbench.client.deployment import Deployment

_CALLS = re.compile(r"/gradio_api/(queue/join|run/|call/|api/|stream/|component_server)")


class CheckedValues:
    """Pure ASGI middleware. The guard in front of it limits the size of the body."""

    def __init__(self, app: ASGIApp, deployment: Deployment, folder: Path) -> None:
        self.app = app
        self._deployment = deployment
        self._folder = folder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or not _CALLS.match(scope["path"]):
            await self.app(scope, receive, send)
            return
        try:
            body = await Request(scope, receive).body()
            await to_thread.run_sync(partial(self._check, body, scope["state"]["user"]))
        except WorkbenchError as error:
            await error_response(error)(scope, receive, send)
            return
        except ClientDisconnect:
            return
        replayed = False

        async def replay() -> Message:
            nonlocal replayed
            if replayed:
                return await receive()
            replayed = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self.app(scope, replay, send)

    def _check(self, body: bytes, user: User) -> None:
        if not body:
            return  # Gradio reports this error itself
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError as error:  # Python's own parser accepts more: NaN, lone surrogates, UTF-16
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
        "the request names a file that was not uploaded here",
        where="data",
        seen=path[:200],
        allowed="a path that /gradio_api/upload returned",
        remedy="Upload the file first, with gradio_client by handle_file(path).",
    )


def _given(value: Any, name: str) -> Iterator[str]:
    """All strings with this name in the objects of a JSON value."""
    left = [value]
    while left:
        item = left.pop()
        if isinstance(item, dict):
            if isinstance(text := item.get(name), str):
                yield text
            left.extend(item.values())
        elif isinstance(item, list):
            left.extend(item)
