"""Turns faults of local files into errors with a remedy."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from schemas.errors import WorkbenchError
from workbench.store.retry import disk_full, no_space


@contextlib.contextmanager
def written(place: Path) -> Iterator[None]:
    """For a block that writes below ``place``: raises home.disk_full or home.not_writable for file system faults."""
    try:
        yield
    except OSError as fault:
        if no_space(fault):
            raise disk_full(fault, place) from fault
        raise WorkbenchError(
            "home.not_writable",
            "a file could not be written",
            where=str(fault.filename or place),
            seen=fault.strerror,
            remedy="Check the owner and permissions of that folder, or WORKBENCH_HOME.",
        ) from fault
