"""Make deleted bytes and names vanish from the raw files of a home.

What a server deletes stays in its files until it rewrites them. `compact` has every embedded server of a running stack
do that now. It may be called while jobs run, and killed at any point: each server rewrites beside the original and
swaps. The object store is away for two seconds meanwhile, which a job gets over as it does a crash of it.

A server from outside is left alone: what its operator does is in the answer. Blocks that a file system or a disk keeps
of deleted and rewritten files are out of reach of any program: encrypt the disk.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import WorkbenchError
from workbench.embedded.compact_bus import rewrite_log
from workbench.embedded.compact_objects import forget_objects
from workbench.embedded.compact_sqlite import vacuum
from workbench.embedded.log_masking import mask_logs
from workbench.embedded.probes import public_url
from workbench.embedded.record import StackRecord, read_record
from workbench.host import lock
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


def compact(
    settings: Settings, parts: Collection[str] = COMPACTED_PARTS, texts: Collection[bytes] = ()
) -> list[Compacted]:
    """Compact the embedded servers of the running stack of ``settings.home``; blocks for seconds to minutes.

    Deletions must be over: what is deleted while it runs may stay until the next time. Raises nothing for a part that
    cannot be compacted: its `Compacted.left` says why.

    Args:
        parts: which of COMPACTED_PARTS.
        texts: besides digests, what is blotted out in the home's logs.
    """
    with _alone(settings.home):
        record = read_record(settings.home)
        return [_compact(part, settings, record, texts) for part in COMPACTED_PARTS if part in parts]


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """One compaction of a home at a time: a second one waits. The kernel frees the lock of a process that dies."""
    (home / "run").mkdir(mode=0o700, parents=True, exist_ok=True)
    with (home / "run" / "compaction.lock").open("w") as file:
        lock(file)
        yield


def _compact(part: str, settings: Settings, record: StackRecord | None, texts: Collection[bytes]) -> Compacted:
    elsewhere = _elsewhere(part, settings, record)
    if elsewhere:
        return Compacted(part, left=elsewhere)
    home = settings.home
    folder = home / part
    work: dict[str, Callable[[], str]] = {
        "bus": lambda: rewrite_log(settings.bus_url, folder),
        "objects": lambda: forget_objects(home, record),
        "sql": lambda: vacuum(folder / "workbench.sqlite3"),
        "mlflow": lambda: vacuum(folder / "mlflow.sqlite3"),
        "logs": lambda: mask_logs(home, texts),
    }
    started, before = time.monotonic(), bytes_of(folder)
    try:
        left = work[part]()
    except WorkbenchError as error:
        left = f"{error.message} {error.remedy or ''}".strip()
    except OSError as error:
        left = f"{part} could not be compacted: {error.strerror or error} ({error.filename})."
    return Compacted(part, before, bytes_of(folder), round(time.monotonic() - started, 3), left)


def _elsewhere(part: str, settings: Settings, record: StackRecord | None) -> str:
    """Why this home does not hold the part; "" where it does."""
    known = record.part(part) if record else None
    own_file = part == "sql" and settings.sql_url == f"sqlite:///{settings.home / 'sql' / 'workbench.sqlite3'}"
    if part == "logs" or own_file or (known is not None and not known.external):
        return ""
    urls = {"bus": settings.bus_url, "objects": settings.s3_url, "sql": settings.sql_url, "mlflow": settings.mlflow_url}
    if not urls[part]:
        return f"{part} is not part of this stack."
    seen = public_url(urls[part])
    return f"{part} is a server from outside ({seen}). Its operator runs: {OF_ITS_OPERATOR[part]}."


def bytes_of(folder: Path) -> int:
    """The size of all files below a folder; those that vanish meanwhile count nothing."""
    total = 0
    for path in folder.rglob("*") if folder.is_dir() else ():
        try:
            total += path.lstat().st_size if path.is_file() else 0
        except OSError:
            continue  # removed by the server that owns it
    return total
