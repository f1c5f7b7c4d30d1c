"""Removes leftovers of uploads: folders of ended requests, unused copies, parts of large objects."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from schemas.retention import StoreKind
from workbench.embedded.home import file_sizes
from workbench.retention.local_files import gradio_folder
from workbench.retention.removals import Removals
from workbench.store.objects import Objects

INCOMING = "incoming"
STALE_S = 24 * 3600.0


def collect(home: Path, objects: Objects, removals: Removals, *, dry_run: bool, older_than_s: float = STALE_S) -> None:
    """Remove leftovers of uploads. Raises WorkbenchError: store.*"""
    for folder in abandoned(home, older_than_s):
        removals.add(StoreKind.PARTIAL, 1, sum(file_sizes(folder)))
        if not dry_run:
            shutil.rmtree(folder, ignore_errors=True)
    for copy in unused_copies(gradio_folder(), older_than_s):
        removals.add(StoreKind.PARTIAL, 1, copy.lstat().st_size)
        if not dry_run:
            remove_copy(copy)
    for upload in objects.unfinished():
        if time.time() - upload.begun > older_than_s:
            removals.add(StoreKind.PARTIAL, 1)
            if not dry_run:
                objects.give_up(upload)


def abandoned(home: Path, older_than_s: float = STALE_S) -> Iterator[Path]:
    """Folders of requests that are old or whose process has ended, and old staged copies of commands."""
    for folder in (home / INCOMING).glob("*-*"):
        pid = folder.name.partition("-")[0]
        if _older(folder, older_than_s) or not (pid.isdecimal() and psutil.pid_exists(int(pid))):
            yield folder
    yield from (folder for folder in (home / "cache").glob(".upload-*") if _older(folder, older_than_s))


def unused_copies(folder: Path, older_than_s: float = STALE_S) -> Iterator[Path]:
    """Gradio's copies of uploads that were not used for this long."""
    yield from (place for place in (folder / "uploads").glob("*/*") if _older(place, older_than_s))


def remove_copy(place: Path) -> None:
    """Remove a copy, and its folder if it is then empty."""
    with contextlib.suppress(OSError):  # another process is also removing it, or has just started to use it
        place.unlink()
        place.parent.rmdir()


def clear_incoming(home: Path) -> None:
    """Remove folders of requests that have ended."""
    for folder in abandoned(home):
        shutil.rmtree(folder, ignore_errors=True)


def clear_copies(folder: Path) -> int:
    """Remove Gradio's copies that were not used for a day. Returns their number."""
    unused = list(unused_copies(folder))
    for copy in unused:
        remove_copy(copy)
    return len(unused)


def _older(path: Path, than_s: float) -> bool:
    try:
        return time.time() - path.lstat().st_mtime > than_s
    except FileNotFoundError:
        return False
