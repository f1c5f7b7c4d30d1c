"""The body of an upload request, from the socket to the disk."""

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

BATCH_BYTES = 512 * 1024  # handed to a thread at once
SILENCE_S = 30.0  # a sender that is silent for as long is given up
FORM_OVERHEAD_BYTES = MB  # of headers and small fields around the files
DRAIN_BYTES, DRAIN_S, PAUSE_S = 64 * MB, 10.0, 1.0  # a client that pauses for a second waits for the answer
# Threads of their own: uploads that wait for the disk or a decoder keep no other route from its thread.
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
    """The form of a request, its files in ``folder``. Holds half a megabyte, whatever the size.

    Args:
        field, files, texts: as of ``Form``.
        seen: called on the event loop with the client's name of the file and each piece of the body.

    Raises WorkbenchError (request.invalid, upload.*, home.disk_full, home.not_writable) and
    starlette.requests.ClientDisconnect. What the client still sends after a refusal is read and dropped, up to a bound:
    an answer to a client that is still sending would be lost with the connection.
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
    async for piece in _with_patience(pieces):
        batch += piece
        if len(batch) >= BATCH_BYTES:
            await to_thread.run_sync(write, bytes(batch), limiter=THREADS)
            batch.clear()
        if seen is not None and piece:
            seen(form.current_name, piece)
    if batch:
        await to_thread.run_sync(write, bytes(batch), limiter=THREADS)
    form.finish()


async def _with_patience(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    while True:
        try:
            async with asyncio.timeout(SILENCE_S):
                piece = await anext(pieces)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise WorkbenchError(
                "request.invalid",
                "the upload stopped",
                where="body",
                seen=f"nothing for {SILENCE_S:.0f} s",
                remedy="Send it again.",
            ) from None
        yield piece


async def _drain(pieces: AsyncIterator[bytes]) -> None:
    dropped = 0
    try:
        async with asyncio.timeout(DRAIN_S):
            while dropped < DRAIN_BYTES:
                async with asyncio.timeout(PAUSE_S):
                    dropped += len(await anext(pieces))
    except Exception:  # all of it, slow, or gone: now the answer
        return
