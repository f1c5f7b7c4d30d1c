"""What is left of uploads is cleared away when the app starts, and once a day while it runs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog
from anyio import to_thread

from workbench.retention.local_files import gradio_folder
from workbench.retention.partial import clear_copies, clear_incoming

log = structlog.get_logger()
EVERY_S = 24 * 3600.0


async def keep_clear(home: Path) -> None:
    """Clear, and again every day, until it is cancelled. Two processes on one home do no harm."""
    while True:
        await to_thread.run_sync(clear, home)
        await asyncio.sleep(EVERY_S)


def clear(home: Path) -> None:
    """Remove folders of uploads that nobody receives any more, and Gradio's copies that nobody uses. Blocks."""
    try:
        clear_incoming(home)
        gone = clear_copies(gradio_folder())
    except Exception:  # it keeps nobody from working; tomorrow again
        log.exception("old uploads stay for now")
        return
    if gone:
        log.info("old copies of uploads removed", copies=gone)
