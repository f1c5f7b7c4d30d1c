"""Removes deleted bytes and names from the raw files of a home.

Deleted data remains in a server's files until the server rewrites them. `compact` makes every embedded server of a
running stack do that now. It may be called while jobs run, and killed at any point: each server writes a new file and
then replaces the original. The object store is unavailable for two seconds meanwhile, which jobs survive like a crash
of it.

External servers are not compacted; the answer says what their operators must do. No program can reach the blocks of
deleted and rewritten files that a file system or a disk keeps, so encrypt the disk.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from schemas.errors import WorkbenchError
from schemas.retention import Compacted
from workbench.embedded.compact_bus import rewrite_log
from workbench.embedded.compact_objects import forget_objects
from workbench.embedded.compact_sqlite import vacuum
from workbench.embedded.home import file_sizes
from workbench.embedded.log_masking import mask_logs
from workbench.embedded.probes import public_url
from workbench.embedded.record import StackRecord, read_record
from workbench.host import lock
from workbench.settings import Settings

COMPACTED_PARTS = ("bus", "objects", "sql", "mlflow", "logs")
OF_ITS_OPERATOR = {
    "bus": "BGREWRITEAOF, or BGSAVE where it keeps snapshots, on that server",
    "objects": "removal of old versions and the server's own compaction (a cloud bucket without versioning needs none)",
    "sql": "VACUUM (FULL) on that database, and removal of its WAL archives and backups",
    "mlflow": "`mlflow gc` with its backend store and VACUUM of that database",
}


def compact(
    settings: Settings, parts: Collection[str] = COMPACTED_PARTS, texts: Collection[bytes] = ()
) -> list[Compacted]:
    """Compact the embedded servers of the running stack of ``settings.home``. Blocks for seconds to minutes.

    Deletions must be complete: data deleted during the compaction may remain until the next one. Raises nothing for a
    part that cannot be compacted: its `Compacted.left` says why.

    Args:
        parts: some of COMPACTED_PARTS.
        texts: texts to mask in the home's logs, in addition to digests.
    """
    with _alone(settings.home):
        record = read_record(settings.home)
        return [_compact(part, settings, record, texts) for part in COMPACTED_PARTS if part in parts]


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Allow one compaction per home at a time; a second one waits. The kernel releases the lock of a dead process."""
    (home / "run").mkdir(mode=0o700, parents=True, exist_ok=True)
    with (home / "run" / "compaction.lock").open("w") as file:
        lock(file)
        yield


def _compact(part: str, settings: Settings, record: StackRecord | None, texts: Collection[bytes]) -> Compacted:
    elsewhere = _elsewhere(part, settings, record)
    if elsewhere:
        return Compacted(part=part, bytes_before=0, bytes_after=0, seconds=0.0, left=elsewhere)
    home = settings.home
    folder = home / part
    work: dict[str, Callable[[], str]] = {
        "bus": lambda: rewrite_log(settings.bus_url, folder),
        "objects": lambda: forget_objects(home, record),
        "sql": lambda: vacuum(folder / "workbench.sqlite3"),
        "mlflow": lambda: vacuum(folder / "mlflow.sqlite3"),
        "logs": lambda: mask_logs(home, texts),
    }
    started, before = time.monotonic(), sum(file_sizes(folder))
    try:
        left = work[part]()
    except WorkbenchError as error:
        left = f"{error.message} {error.remedy or ''}".strip()
    except OSError as error:
        left = f"{part} could not be compacted: {error.strerror or error} ({error.filename})."
    seconds = round(time.monotonic() - started, 3)
    return Compacted(part=part, bytes_before=before, bytes_after=sum(file_sizes(folder)), seconds=seconds, left=left)


def _elsewhere(part: str, settings: Settings, record: StackRecord | None) -> str:
    """Why this home does not contain the part; "" if it does."""
    known = record.part(part) if record else None
    own_file = part == "sql" and settings.sql_url == f"sqlite:///{settings.home / 'sql' / 'workbench.sqlite3'}"
    if part == "logs" or own_file or (known is not None and not known.external):
        return ""
    urls = {"bus": settings.bus_url, "objects": settings.s3_url, "sql": settings.sql_url, "mlflow": settings.mlflow_url}
    if not urls[part]:
        return f"{part} is not part of this stack."
    seen = public_url(urls[part])
    return f"{part} is an external server ({seen}). Its operator must run: {OF_ITS_OPERATOR[part]}."
