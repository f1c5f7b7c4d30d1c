"""Make deleted bytes and names vanish from the raw files of a home.

What a server deletes stays in its files until it rewrites them. `compact` has every embedded server of a running stack do
that now. It may be called while jobs run, and killed at any point: each server rewrites beside the original and swaps.
The object store is away for about two seconds meanwhile; its clients try again for longer than that.

A server from outside is left alone: what its operator does is in the answer. Blocks that a file system or a disk keeps of
deleted and rewritten files are out of reach of any program: encrypt the disk.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import WorkbenchError
from workbench.embedded.compact_bus import rewrite_log
from workbench.embedded.compact_objects import forget_objects
from workbench.embedded.compact_sqlite import vacuum
from workbench.embedded.log_digests import mask_digests
from workbench.embedded.probes import public_url
from workbench.embedded.record import StackRecord, read_record
from workbench.settings import Settings

COMPACTED_PARTS = ("bus", "objects", "sql", "mlflow", "logs")
OF_ITS_OPERATOR = {
    "bus": "BGREWRITEAOF, or BGSAVE where it keeps snapshots, on that server",
    "objects": "removing old versions and the server's own compaction; a cloud bucket needs nothing without versioning",
    "sql": "VACUUM (FULL) on that database, and an end to its WAL archives and backups",
    "mlflow": "`mlflow gc` with its backend store and VACUUM of that database",
}


@dataclass(frozen=True)
class Compacted:
    """What the compaction of one part came to.

    Args:
        part: one of COMPACTED_PARTS.
        bytes_before, bytes_after: size of its files in the home; 0 for a server from outside.
        seconds: what it took.
        left: what could not be done and what to do about it; "" when everything was done.
    """

    part: str
    bytes_before: int = 0
    bytes_after: int = 0
    seconds: float = 0.0
    left: str = ""


def compact(settings: Settings, parts: Collection[str] = COMPACTED_PARTS) -> list[Compacted]:
    """Compact the embedded servers of the running stack of ``settings.home``; blocks for about 15 s.

    Deletions must be over: what is deleted while it runs may stay until the next time. Raises nothing for a part that
    cannot be compacted: its `Compacted.left` says why.
    """
    record = read_record(settings.home)
    return [_compact(part, settings, record) for part in COMPACTED_PARTS if part in parts]


def _compact(part: str, settings: Settings, record: StackRecord | None) -> Compacted:
    outside = _outside(part, settings, record)
    if outside:
        return Compacted(
            part, left=f"{part} is a server from outside ({outside}). Its operator runs: {OF_ITS_OPERATOR[part]}."
        )
    home = settings.home
    folder = home / part
    work: dict[str, Callable[[], str]] = {
        "bus": lambda: rewrite_log(settings.bus_url, folder),
        "objects": lambda: forget_objects(home, record),
        "sql": lambda: vacuum(folder / "workbench.sqlite3"),
        "mlflow": lambda: vacuum(folder / "mlflow.sqlite3"),
        "logs": lambda: mask_digests(home),
    }
    started, before = time.monotonic(), bytes_of(folder)
    try:
        left = work[part]()
    except WorkbenchError as error:
        left = f"{error.message} {error.remedy or ''}".strip()
    return Compacted(part, before, bytes_of(folder), round(time.monotonic() - started, 3), left)


def _outside(part: str, settings: Settings, record: StackRecord | None) -> str:
    """The URL of a part that this home does not hold; "" for one it holds or does not have."""
    if part == "logs":
        return ""
    url = {
        "bus": settings.bus_url,
        "objects": settings.s3_url,
        "sql": settings.sql_url,
        "mlflow": settings.mlflow_url,
    }[part]
    known = record.part(part) if record else None
    if known is not None:
        return public_url(url) if known.external else ""
    if part == "sql":
        return "" if url == f"sqlite:///{settings.home / 'sql' / 'workbench.sqlite3'}" else public_url(url)
    return public_url(url)


def bytes_of(folder: Path) -> int:
    """The size of all files below a folder; those that vanish meanwhile count nothing."""
    total = 0
    for path in folder.rglob("*") if folder.is_dir() else ():
        try:
            total += path.lstat().st_size if path.is_file() else 0
        except OSError:
            continue  # removed by the server that owns it
    return total
