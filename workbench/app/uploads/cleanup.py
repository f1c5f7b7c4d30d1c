"""Removes leftovers of uploads when the app starts and once a day while it runs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog
from anyio import to_thread

from workbench.retention.local_files import gradio_folder
from workbench.retention.partial import clear_copies, clear_incoming

log = structlog.get_logger()
EVERY_S = 24 * 3600.0


async def clean_up_daily(home: Path) -> None:
    """Clean up now and every day until cancelled. Two processes on one home do no harm."""
    while True:
        await to_thread.run_sync(clean_up, home)
        await asyncio.sleep(EVERY_S)


def clean_up(home: Path) -> None:
    """Remove folders of abandoned uploads and unused copies for Gradio. Blocks."""
    try:
        clear_incoming(home)
        gone = clear_copies(gradio_folder())
    except Exception:  # not critical, and the next day tries again
        log.exception("could not remove old uploads")
        return
    if gone:
        log.info("old copies of uploads removed", copies=gone)
