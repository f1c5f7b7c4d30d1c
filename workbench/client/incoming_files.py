"""Private folders for files that are being received. A collection removes those of a dead process."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from workbench.retention.partial import INCOMING
from workbench.store.files import written


@contextlib.contextmanager
def incoming_folder(home: Path) -> Iterator[Path]:
    """A folder that only this user can read. It is removed with its files after the block. Blocks for disk access.

    Raises WorkbenchError: home.disk_full, home.not_writable.
    """
    folder = make_folder(home)
    try:
        yield folder
    finally:
        remove_folder(folder)


def make_folder(home: Path) -> Path:
    """Like ``incoming_folder``, but the caller removes it (``remove_folder``)."""
    parent = home / INCOMING
    with written(parent):
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=parent, prefix=f"{os.getpid()}-"))  # mode 0700


def remove_folder(folder: Path) -> None:
    """Remove a folder with its files, if it exists."""
    shutil.rmtree(folder, ignore_errors=True)
