"""Measures a deployment's storage by kind: artifacts from SQL, files from the disk, MLflow's copies from a listing.

Sums in SQL take milliseconds for ten thousand artifacts and are repeated after seconds. Folders and listings are read
once a minute.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable

from sqlalchemy import func, select

from schemas.errors import WorkbenchError
from schemas.retention import CollectionReport, KindUse, StorageAnswer, StoreKind
from workbench.bus.connection import BUS_UNREACHABLE
from workbench.embedded.home import file_sizes
from workbench.retention import local_files, partial
from workbench.retention.collecting import LAST
from workbench.retention.parts import Parts
from workbench.retention.removals import OF_REF
from workbench.retention.selection import rule_of
from workbench.store.run_artifacts import places
from workbench.store.tables import artifacts, computed, jobs, uploads

SUMS_S, WALKS_S = 3.0, 60.0
_FOLDERS = {StoreKind.BUS: "bus", StoreKind.SQL: "sql", StoreKind.MLFLOW: "mlflow", StoreKind.LOGS: "logs"}
Use = dict[StoreKind, tuple[int, int]]


class DiskUse:
    """Thread-safe; caches its measurements."""

    def __init__(self, parts: Callable[[], Parts]) -> None:
        self._parts = parts
        self._mutex = threading.Lock()
        self._walked: tuple[float, Use] = (float("-inf"), {})
        self._answered: tuple[float, StorageAnswer] | None = None

    def measure(self, *, fresh: bool = False) -> StorageAnswer:
        """The storage by kind. Blocks for milliseconds; once a minute, for as long as reading the folders takes.

        Raises WorkbenchError: sql.unreachable, store.*
        """
        with self._mutex:
            now = time.monotonic()
            if not fresh and self._answered is not None and now - self._answered[0] < SUMS_S:
                return self._answered[1]
            parts = self._parts()
            if fresh or now - self._walked[0] >= WALKS_S:
                self._walked = (now, walked(parts))
            self._answered = (now, _answer(parts, summed(parts) | self._walked[1]))
            return self._answered[1]


def summed(parts: Parts) -> Use:
    """Artifacts, claims, jobs and cached results, from SQL."""
    columns = artifacts.c
    sums = select(columns.kind, func.count(), func.coalesce(func.sum(columns.size_bytes), 0)).group_by(columns.kind)
    use: Use = dict.fromkeys((StoreKind.IMAGES, StoreKind.AUDIO, StoreKind.VIDEO, StoreKind.FILES), (0, 0))
    with parts.store.database.read() as connection:
        for kind, count, size in connection.execute(sums):
            name = OF_REF.get(kind, StoreKind.FILES)
            use[name] = (use[name][0] + count, use[name][1] + int(size))
        for name, table in ((StoreKind.JOBS, jobs), (StoreKind.UPLOADS, uploads), (StoreKind.RESULTS, computed)):
            use[name] = (connection.execute(select(func.count()).select_from(table)).scalar_one(), 0)
    return use


def walked(parts: Parts) -> Use:
    """Files in the home, and MLflow's copies in the object store."""
    home = parts.settings.home
    use: Use = dict.fromkeys((StoreKind.CACHE, StoreKind.THUMBNAILS, StoreKind.VIDEOS, StoreKind.PARTIAL), (0, 0))
    for file in (*local_files.of_artifacts(home), *local_files.of_jobs(home)):
        use[file.kind] = (use[file.kind][0] + 1, use[file.kind][1] + file.size_bytes)
    for folder in partial.abandoned(home):
        count, size = use[StoreKind.PARTIAL]
        use[StoreKind.PARTIAL] = (count + 1, size + sum(file_sizes(folder)))
    for kind, name in _FOLDERS.items():
        if (home / name).is_dir():
            sizes = list(file_sizes(home / name))
            use[kind] = (len(sizes), sum(sizes))
    if StoreKind.BUS not in use:
        try:
            use[StoreKind.BUS] = (1, parts.bus.references.memory_bytes())
        except BUS_UNREACHABLE:
            use[StoreKind.BUS] = (0, 0)
    copies = [item for place in places(parts.objects.bucket) for item in _copies(parts, place.bucket, place.prefix)]
    use[StoreKind.MLFLOW_FILES] = (len(copies), sum(copies))
    return use


def _copies(parts: Parts, bucket: str, prefix: str) -> list[int]:
    try:
        return [item.size_bytes for item in parts.objects.listed(f"{prefix}/", bucket)]
    except WorkbenchError as error:
        if error.code != "store.refused":
            raise
        return []  # the bucket of another owner


def _answer(parts: Parts, use: Use) -> StorageAnswer:
    disk = shutil.disk_usage(parts.settings.home)
    last = parts.store.note(LAST)
    rule = rule_of(parts.settings)
    return StorageAnswer(
        kinds=[KindUse(kind=kind, count=use[kind][0], bytes=use[kind][1]) for kind in StoreKind if kind in use],
        bytes=sum(size for _, size in use.values()),
        collectable_bytes=sum(item.size_bytes for item in parts.references.unreferenced()),
        home_free_bytes=disk.free,
        home_total_bytes=disk.total,
        measured_at=time.time(),
        retention=rule,
        last_collection=CollectionReport.model_validate_json(last) if last else None,
    )
