"""Private folders for files that are on their way in, and clearing away what a dead process has left there."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from workbench.store.files import written

FOLDER = "incoming"
STALE_S = 24 * 3600.0


@contextlib.contextmanager
def incoming_folder(home: Path) -> Iterator[Path]:
    """A folder that only this user can read; it is gone after the block, with all that is in it. Blocks for the disk.

    Raises WorkbenchError: home.disk_full, home.not_writable.
    """
    folder = make_folder(home)
    try:
        yield folder
    finally:
        remove_folder(folder)


def make_folder(home: Path) -> Path:
    """The same for those who see to its removal themselves (``remove_folder``)."""
    parent = home / FOLDER
    with written(parent):
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=parent, prefix=f"{os.getpid()}-"))  # mode 0700


def remove_folder(folder: Path) -> None:
    """Remove a folder with all that is in it; what is gone already is no fault."""
    shutil.rmtree(folder, ignore_errors=True)


def clear_incoming(home: Path) -> None:
    """Remove the folders of processes that are gone, and those that are older than a day."""
    for folder in (home / FOLDER).glob("*-*"):
        pid = folder.name.partition("-")[0]
        try:
            old = time.time() - folder.stat().st_mtime > STALE_S
        except FileNotFoundError:
            continue
        if old or not (pid.isdecimal() and psutil.pid_exists(int(pid))):
            remove_folder(folder)
