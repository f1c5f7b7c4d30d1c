"""Limits the size of request bodies while they arrive, and ends those that stop arriving."""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from schemas.errors import WorkbenchError
from schemas.graph import MAX_DOCUMENT_BYTES
from workbench.app.mlflow.limits import LARGEST_RECORD, ROOT, brings_file

SILENCE_S = 30.0  # of a client that has not sent all of a request
# Upload routes stream to disk and enforce their own limits.
UPLOADING = ("/api/uploads", "/api/infinitetalk", "/gradio_api/upload")
_OF_PATH = (
    ("/login", 16 * 1024),
    ("/api/jobs", MAX_DOCUMENT_BYTES + 1024 * 1024),  # a graph and the fields around it
    ("/api/train", MAX_DOCUMENT_BYTES + 1024 * 1024),
)
_OTHERWISE = 1024 * 1024


def is_upload(method: str, path: str) -> bool:
    """Whether the request uploads a file."""
    return method == "POST" and path.rstrip("/") in UPLOADING


def largest_body(method: str, path: str) -> int | None:
    """The largest allowed body in bytes; None if the route enforces its own limit."""
    if is_upload(method, path) or brings_file(method, path):
        return None
    if path.startswith(f"{ROOT}/"):
        return LARGEST_RECORD
    return next((limit for prefix, limit in _OF_PATH if path.rstrip("/") == prefix), _OTHERWISE)


def check_declared(headers: Headers, limit: int) -> None:
    """Raises WorkbenchError (request.too_large) if the Content-Length header exceeds the limit."""
    declared = headers.get("content-length", "0")
    if declared.isascii() and declared.isdigit() and int(declared) > limit:
        raise too_large(limit)


async def call_limited(app: ASGIApp, scope: Scope, receive: Receive, send: Send, limit: int | None) -> None:
    """Call the app and pass it no byte beyond the limit (None: any), and end a body of which nothing arrives.

    Raises WorkbenchError (request.too_large, request.stalled) after the app has ended, unless it had responded before.
    """
    seen, complete, answered = 0, False, False
    refusal: WorkbenchError | None = None

    async def limited() -> Message:
        nonlocal seen, complete, refusal
        if complete:
            return await receive()  # waits until the client disconnects
        try:
            async with asyncio.timeout(SILENCE_S):
                message = await receive()
        except TimeoutError:
            refusal = _stalled()
            raise refusal from None
        if message["type"] == "http.request":
            seen += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if limit is not None and seen > limit:
                refusal = too_large(limit)
                raise refusal
        return message

    async def passed_on(message: Message) -> None:
        nonlocal answered
        if refusal is not None and not answered:
            return  # a response to a truncated body
        answered = True
        await send(message)

    try:
        await app(scope, limited, passed_on)
    except Exception:
        if refusal is None:
            raise
    if refusal is not None and not answered:
        raise refusal


def too_large(limit: int) -> WorkbenchError:
    """The error that states the limit."""
    return WorkbenchError(
        "request.too_large",
        "the body of the request is too large",
        allowed=f"{limit} bytes",
        remedy="Send a smaller body. Upload files with POST /api/uploads.",
    )


def _stalled() -> WorkbenchError:
    return WorkbenchError(
        "request.stalled",
        "the body of the request stopped arriving",
        where="body",
        seen=f"nothing for {SILENCE_S:g} s",
        remedy="Send the request again.",
    )
