"""Rewrites the object store's index of names, so that its files no longer contain deleted names.

SeaweedFS keeps names and metadata in eight LevelDBs. A deleted key remains in their files until LevelDB compacts the
table that contains it, which SeaweedFS offers no command for; and LevelDB's own manual compaction does not rewrite the
lowest level. Therefore the live entries are copied into new databases while the server is down: `ask_for_rewrite`
leaves a request, and `tidy_names`, which the supervisor calls before each start, carries it out.

The copy is complete and on the disk before it replaces the original. A kill leaves either the original or the copy,
and the next start completes or discards the rewrite.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from pathlib import Path

from workbench.embedded.home import write_private

FOLDER = "filerldb2"
_REQUEST, _ANSWER = "rewrite-names", "rewrite-names.done"
_BATCH_BYTES = 4 * 1024 * 1024
_COPIED = ".copied"  # marks a complete copy


def ask_for_rewrite(home: Path) -> None:
    """Request that the names are rewritten before the object store's next start."""
    (home / "run" / _ANSWER).unlink(missing_ok=True)
    write_private(home / "run" / _REQUEST, b"")


def rewrite_answer(home: Path) -> str | None:
    """None while the rewrite is pending, else the problem that prevented it ("" for none)."""
    try:
        return str(json.loads((home / "run" / _ANSWER).read_text())["problem"])
    except FileNotFoundError:
        return None


def tidy_names(home: Path) -> None:
    """Complete an interrupted rewrite and carry out a request. The object store must not be running.

    Never raises, because the supervisor calls it. `rewrite_answer` returns the problem of a failed rewrite.
    """
    request = home / "run" / _REQUEST
    problem = ""
    try:
        _recover(home / "objects")
        if request.exists():
            rewrite_names(home / "objects")
    except Exception as error:  # of the disk or of LevelDB; reported by rewrite_answer, and the server starts unchanged
        problem = f"{type(error).__name__}: {error}"
    if request.exists():
        try:
            write_private(home / "run" / _ANSWER, json.dumps({"problem": problem, "at": time.time()}).encode())
            request.unlink(missing_ok=True)
        except OSError:
            return  # the disk is full: the request remains and is retried at the next start


def rewrite_names(objects: Path) -> int:
    """Copy the live entries of all databases below ``objects`` into new ones. Returns the number of entries."""
    if sys.version_info >= (3, 12):  # plyvel has wheels up to Python 3.11, plyvel-next from 3.12 on
        import plyvel_next as plyvel
    else:
        import plyvel

    store, copy = objects / FOLDER, objects / f"{FOLDER}.new"
    if not store.is_dir():
        return 0
    entries = 0
    for source in sorted(folder for folder in store.iterdir() if (folder / "CURRENT").exists()):
        target = copy / source.name
        target.mkdir(parents=True)
        with (
            plyvel.DB(str(source), create_if_missing=False, paranoid_checks=True) as old,
            plyvel.DB(str(target), create_if_missing=True) as new,
        ):
            batch, waiting = new.write_batch(), 0
            for key, value in old.iterator(verify_checksums=True, fill_cache=False):
                batch.put(key, value)
                entries, waiting = entries + 1, waiting + len(key) + len(value)
                if waiting > _BATCH_BYTES:
                    batch.write()
                    batch, waiting = new.write_batch(), 0
            batch.write()
    if not copy.is_dir():
        return 0
    (copy / _COPIED).touch()
    _sync(copy)
    store.rename(objects / f"{FOLDER}.old")
    copy.rename(store)
    _sync_folder(objects)
    shutil.rmtree(objects / f"{FOLDER}.old")
    return entries


def _recover(objects: Path) -> None:
    store, copy, old = objects / FOLDER, objects / f"{FOLDER}.new", objects / f"{FOLDER}.old"
    if old.is_dir():
        if not store.exists():  # killed between the two renames
            old.rename(store)
        elif (store / _COPIED).exists():
            shutil.rmtree(old)
    if copy.exists():
        shutil.rmtree(copy)


def _sync(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)
    for path in (folder, *(p for p in folder.rglob("*") if p.is_dir())):
        _sync_folder(path)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
