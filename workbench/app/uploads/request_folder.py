"""The private folder of an upload request, created and removed on threads, however the request ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

from workbench.client.incoming_files import make_folder, remove_folder

# Separate threads, so that a removal never waits for an upload that is being decoded. Submitted tasks finish even if
# the request was cancelled, and before the process ends.
_THREADS = ThreadPoolExecutor(2, thread_name_prefix="folders")


@asynccontextmanager
async def folder_of_request(home: Path) -> AsyncIterator[Path]:
    """Like ``incoming_folder``, without blocking the event loop.

    A request that is cancelled while its folder is created or removed leaves no folder behind.
    """
    making = _THREADS.submit(make_folder, home)
    try:
        folder = await asyncio.shield(asyncio.wrap_future(making))
    except asyncio.CancelledError:
        making.add_done_callback(lambda made: None if made.exception() else remove_folder(made.result()))
        raise
    try:
        yield folder
    finally:
        await asyncio.shield(asyncio.wrap_future(_THREADS.submit(remove_folder, folder)))
