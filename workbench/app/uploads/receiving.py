"""Streams the body of an upload request from the socket to the disk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from pathlib import Path
from types import MappingProxyType

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request

from schemas.errors import WorkbenchError
from workbench.app.identity import current_user
from workbench.app.uploads.multipart import Form
from workbench.client.deployment import Deployment
from workbench.client.inspection.limits import MB, Limits
from workbench.client.inspection.upload_errors import megabytes, too_large
from workbench.client.quotas import check_quotas
from workbench.store.files import written

BATCH_BYTES = 512 * 1024  # written by a thread at once
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

    Raises WorkbenchError (request.invalid, access.quota, upload.*, home.disk_full, home.not_writable) and
    starlette.requests.ClientDisconnect. After a refusal it reads and drops further bytes, up to a limit, because a
    client that is still sending would lose the response together with the connection.
    """
    pieces = request.stream()
    try:
        await _check_announced(request, limits, files)
        form = Form(request.headers.get("content-type", ""), folder, limits, field, files, texts)
        try:
            await _take(pieces, form, folder, seen)
        finally:
            form.close()
    except WorkbenchError:
        await _drain(pieces)
        raise
    return form


async def _check_announced(request: Request, limits: Limits, files: int) -> None:
    header = request.headers.get("content-length", "")
    announced = int(header) if header.isdecimal() else 0
    cap = limits.bytes_of("auto") * files
    if announced > cap + FORM_OVERHEAD_BYTES:
        raise too_large("the file is too large", megabytes(announced), f"up to {megabytes(cap)}")
    deployment: Deployment = request.app.state.deployment
    owner = current_user(request).name
    await to_thread.run_sync(check_quotas, deployment, owner, announced, limiter=THREADS)


async def _take(
    pieces: AsyncIterator[bytes], form: Form, folder: Path, seen: Callable[[str, bytes], None] | None
) -> None:
    def write(data: bytes) -> None:
        with written(folder):
            form.write(data)

    batch = bytearray()
    async for piece in pieces:
        batch += piece
        if len(batch) >= BATCH_BYTES:
            await to_thread.run_sync(write, bytes(batch), limiter=THREADS)
            batch.clear()
        if seen is not None and piece:
            seen(form.current_name, piece)
    if batch:
        await to_thread.run_sync(write, bytes(batch), limiter=THREADS)
    form.finish()


async def _drain(pieces: AsyncIterator[bytes]) -> None:
    dropped = 0
    try:
        async with asyncio.timeout(DRAIN_S):
            while dropped < DRAIN_BYTES:
                async with asyncio.timeout(PAUSE_S):
                    dropped += len(await anext(pieces))
    except Exception:  # the body has ended, or the client is slow or gone: send the response now
        return
