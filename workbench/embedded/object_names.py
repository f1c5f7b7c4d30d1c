"""The object store's index of names, rewritten so that deleted names are gone from its files.

SeaweedFS keeps names and metadata in eight LevelDBs. A deleted key stays in their files until LevelDB happens to
compact the table that holds it, which SeaweedFS cannot be asked for; and LevelDB's own manual compaction leaves the
lowest level as it is. So the live entries are copied into fresh databases while the server is down, between two of its
runs: `ask_for_rewrite` leaves a request, and `tidy_names`, called by the supervisor before each start, carries it out.

The copy is complete and on the disk before it takes the place of the original. A kill in the middle leaves the original
or the copy, never half of either, and the next start finishes or drops what was begun.
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
_COPIED = ".copied"  # in a copy that is whole


def ask_for_rewrite(home: Path) -> None:
    """Have the names rewritten before the object store's next start."""
    (home / "run" / _ANSWER).unlink(missing_ok=True)
    write_private(home / "run" / _REQUEST, b"")


def rewrite_answer(home: Path) -> str | None:
    """None while the rewriting is still to be done, else what hindered it ("" for nothing)."""
    try:
        return str(json.loads((home / "run" / _ANSWER).read_text())["problem"])
    except FileNotFoundError:
        return None


def tidy_names(home: Path) -> None:
    """Finish what a kill interrupted and do what was asked for. The object store must not be running.

    It never raises: the supervisor calls it. What hindered a rewriting is in `rewrite_answer`.
    """
    request = home / "run" / _REQUEST
    problem = ""
    try:
        _recover(home / "objects")
        if request.exists():
            rewrite_names(home / "objects")
    except Exception as error:  # of the disk or of LevelDB; told to whoever asked, and the server starts as it was
        problem = f"{type(error).__name__}: {error}"
    if request.exists():
        try:
            write_private(home / "run" / _ANSWER, json.dumps({"problem": problem, "at": time.time()}).encode())
            request.unlink(missing_ok=True)
        except OSError:
            return  # a full disk: the request stays and is tried at the next start


def rewrite_names(objects: Path) -> int:
    """Copy the live entries of every database under ``objects`` into fresh ones; returns how many there are."""
    if sys.version_info >= (3, 12):  # where the wheels of each end and begin
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
