"""What a bench stores, by kind: artifacts by sums in SQL, files by their sizes, MLflow's copies by a listing.

Sums take milliseconds with ten thousand artifacts and are made anew after seconds; what has to be walked or listed is
looked at once a minute.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from sqlalchemy import func, select

from schemas.errors import WorkbenchError
from schemas.retention import CollectionReport, KindUse, StorageAnswer, StoreKind
from workbench.bus.connection import BUS_AWAY
from workbench.retention import local_files, partial
from workbench.retention.collecting import LAST
from workbench.retention.parts import Parts
from workbench.retention.rule import rule_of
from workbench.retention.tally import OF_REF
from workbench.store.run_artifacts import places
from workbench.store.tables import artifacts, computed, jobs, uploads

SUMS_S, WALKS_S = 3.0, 60.0
Use = dict[StoreKind, tuple[int, int]]


class DiskUse:
    """Thread-safe; remembers what it measured."""

    def __init__(self, parts: Callable[[], Parts]) -> None:
        self._parts = parts
        self._mutex = threading.Lock()
        self._walked: tuple[float, Use] = (float("-inf"), {})
        self._told: tuple[float, StorageAnswer] | None = None

    def measure(self, *, fresh: bool = False) -> StorageAnswer:
        """What there is. Blocks for milliseconds, once a minute for as long as the home's files take to look at.

        Raises WorkbenchError: sql.unreachable, store.*
        """
        with self._mutex:
            now = time.monotonic()
            if not fresh and self._told is not None and now - self._told[0] < SUMS_S:
                return self._told[1]
            parts = self._parts()
            if fresh or now - self._walked[0] >= WALKS_S:
                self._walked = (now, walked(parts))
            self._told = (now, _answer(parts, summed(parts) | self._walked[1]))
            return self._told[1]


def summed(parts: Parts) -> Use:
    """Artifacts, claims, jobs and cached results, by sums in SQL."""
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
    """Files of the home, and MLflow's copies in the object store."""
    home = parts.settings.home
    use: Use = dict.fromkeys((StoreKind.CACHE, StoreKind.THUMBNAILS, StoreKind.VIDEOS, StoreKind.PARTIAL), (0, 0))
    for file in (*local_files.of_artifacts(home), *local_files.of_jobs(home)):
        use[file.kind] = (use[file.kind][0] + 1, use[file.kind][1] + file.size_bytes)
    for folder in partial.abandoned(home):
        count, size = use[StoreKind.PARTIAL]
        use[StoreKind.PARTIAL] = (count + 1, size + partial.size_of(folder))
    for kind, folder in _folders(parts):
        sizes = list(_sizes(folder))
        use[kind] = (len(sizes), sum(sizes))
    if StoreKind.BUS not in use:
        try:
            use[StoreKind.BUS] = (1, parts.bus.holding.memory_bytes())
        except BUS_AWAY:
            use[StoreKind.BUS] = (0, 0)
    copies = [item for place in places(parts.objects.bucket) for item in _copies(parts, place.bucket, place.prefix)]
    use[StoreKind.MLFLOW_FILES] = (len(copies), sum(copies))
    return use


def _folders(parts: Parts) -> Iterator[tuple[StoreKind, Path]]:
    home = parts.settings.home
    for kind, name in (
        (StoreKind.BUS, "bus"),
        (StoreKind.SQL, "sql"),
        (StoreKind.MLFLOW, "mlflow"),
        (StoreKind.LOGS, "logs"),
    ):
        if (home / name).is_dir():
            yield kind, home / name


def _sizes(folder: Path) -> Iterator[int]:
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                yield os.lstat(os.path.join(root, name)).st_size  # noqa: PTH118 - ten thousand of them
            except FileNotFoundError:
                continue


def _copies(parts: Parts, bucket: str, prefix: str) -> list[int]:
    try:
        return [item.size_bytes for item in parts.objects.listed(f"{prefix}/", bucket)]
    except WorkbenchError as error:
        if error.code != "store.refused":
            raise
        return []  # somebody else's bucket


def _answer(parts: Parts, use: Use) -> StorageAnswer:
    disk = shutil.disk_usage(parts.settings.home)
    last = parts.store.note(LAST)
    rule = rule_of(parts.settings)
    return StorageAnswer(
        kinds=[KindUse(kind=kind, count=use[kind][0], bytes=use[kind][1]) for kind in StoreKind if kind in use],
        bytes=sum(size for _, size in use.values()),
        collectable_bytes=sum(item.size_bytes for item in parts.naming.unnamed()),
        home_free_bytes=disk.free,
        home_total_bytes=disk.total,
        measured_at=time.time(),
        retention=rule,
        last_collection=CollectionReport.model_validate_json(last) if last else None,
    )
