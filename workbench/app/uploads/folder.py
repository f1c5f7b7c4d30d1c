"""The private folder of a request that brings files: made and removed on threads, however the request ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

from workbench.client.incoming_files import make_folder, remove_folder

# Threads of their own: a removal is handed over at once and never waits for an upload that a decoder looks at. What has
# been handed over is done also when nobody waits for it any more, and before the process ends.
_THREADS = ThreadPoolExecutor(2, thread_name_prefix="folders")


@asynccontextmanager
async def folder_of_request(home: Path) -> AsyncIterator[Path]:
    """As ``incoming_folder``, without keeping the event loop from anything else.

    A request that is cancelled while its folder is made or removed leaves none behind.
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
