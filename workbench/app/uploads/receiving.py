"""Streams the body of an upload request from the socket to the disk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from pathlib import Path
from types import MappingProxyType

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request

from schemas.errors import WorkbenchError
from workbench.app.uploads.multipart import Form
from workbench.client.inspection.limits import MB, Limits
from workbench.client.inspection.upload_errors import megabytes, too_large
from workbench.store.files import written

BATCH_BYTES = 512 * 1024  # written by a thread at once
SILENCE_S = 30.0  # timeout for a client that sends nothing
FORM_OVERHEAD_BYTES = MB  # for headers and small fields around the files
DRAIN_BYTES, DRAIN_S, PAUSE_S = 64 * MB, 10.0, 1.0  # a client that pauses for a second waits for the response
# Separate threads, so that uploads that wait for the disk or a decoder do not block other routes.
THREADS = CapacityLimiter(12)


async def receive(
    request: Request,
    folder: Path,
    limits: Limits,
    *,
    field: str | Collection[str] = "file",
    files: int = 1,
    texts: Mapping[str, int] = MappingProxyType({}),
    seen: Callable[[str, bytes], None] | None = None,
) -> Form:
    """The form of a request, with its files in ``folder``. Needs half a megabyte of memory for any size.

    Args:
        field, files, texts: see ``Form``.
        seen: called on the event loop with the client's name of the file and each piece of the body.

    Raises WorkbenchError (request.invalid, upload.*, home.disk_full, home.not_writable) and
    starlette.requests.ClientDisconnect. After a refusal it reads and drops further bytes, up to a limit, because a
    client that is still sending would lose the response together with the connection.
    """
    pieces = request.stream()
    try:
        _check_announced(request, limits, files)
        form = Form(request.headers.get("content-type", ""), folder, limits, field, files, texts)
        try:
            await _take(pieces, form, folder, seen)
        finally:
            form.close()
    except WorkbenchError:
        await _drain(pieces)
        raise
    return form


def _check_announced(request: Request, limits: Limits, files: int) -> None:
    announced = request.headers.get("content-length", "")
    cap = limits.bytes_of("auto") * files
    if announced.isdecimal() and int(announced) > cap + FORM_OVERHEAD_BYTES:
        raise too_large("the file is too large", megabytes(int(announced)), f"up to {megabytes(cap)}")


async def _take(
    pieces: AsyncIterator[bytes], form: Form, folder: Path, seen: Callable[[str, bytes], None] | None
) -> None:
    def write(data: bytes) -> None:
        with written(folder):
            form.write(data)

    batch = bytearray()
    async for piece in _with_timeout(pieces):
        batch += piece
        if len(batch) >= BATCH_BYTES:
            await to_thread.run_sync(write, bytes(batch), limiter=THREADS)
            batch.clear()
        if seen is not None and piece:
            seen(form.current_name, piece)
    if batch:
        await to_thread.run_sync(write, bytes(batch), limiter=THREADS)
    form.finish()


async def _with_timeout(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    while True:
        try:
            async with asyncio.timeout(SILENCE_S):
                piece = await anext(pieces)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise WorkbenchError(
                "request.invalid",
                "the upload stalled",
                where="body",
                seen=f"nothing for {SILENCE_S:.0f} s",
                remedy="Upload the file again.",
            ) from None
        yield piece


async def _drain(pieces: AsyncIterator[bytes]) -> None:
    dropped = 0
    try:
        async with asyncio.timeout(DRAIN_S):
            while dropped < DRAIN_BYTES:
                async with asyncio.timeout(PAUSE_S):
                    dropped += len(await anext(pieces))
    except Exception:  # the body has ended, or the client is slow or gone: send the response now
        return
