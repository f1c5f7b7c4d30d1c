"""Private folders for files that are on their way in. What a dead process leaves there is collected."""

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
    parent = home / INCOMING
    with written(parent):
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=parent, prefix=f"{os.getpid()}-"))  # mode 0700


def remove_folder(folder: Path) -> None:
    """Remove a folder with all that is in it; what is gone already is no fault."""
    shutil.rmtree(folder, ignore_errors=True)
