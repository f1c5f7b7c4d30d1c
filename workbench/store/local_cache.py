"""Local copies of artifacts: ``ab/abcd…`` below a folder, read-only, bounded in size, shared by processes.

What is used was touched lately or is held: ``hold`` takes a shared flock, which the kernel drops with the process, so
no crash leaves an artifact pinned. Eviction goes by modification time, which every use renews, and takes an exclusive
flock first.

A copy is hashed when a process first uses it, and again after ten minutes: a disk may give back other bytes than it
took, and a result computed from them would stand under the key of the right ones. The file's times say nothing of that.
Hashing runs at 1.2 GB/s here.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

import structlog

from nodes.context import take_over
from schemas.refs import Ref
from workbench.host import lock
from workbench.store.objects import Objects
from workbench.store.retry import disk_full, no_space

log = structlog.get_logger(__name__)
KEEP_S = 60.0  # a file used this lately stays: between fetch() and hold() nothing else protects it
EVICT_TO = 0.9  # of the limit, so that a full cache is not scanned for every file
SCAN_AFTER = 0.05  # of the limit: as much may come in before the folder is measured again
STALE_STAGING_S = 24 * 3600.0
TRUSTED_S = 600.0  # a copy that was hashed this lately is not hashed again
TRUSTED_MOST = 10_000


class LocalCache:
    """A folder of artifacts. Thread-safe, and safe with other processes on the same folder.

    Args:
        folder: created where it is missing.
        limit_bytes: what the files may take together. It is exceeded while everything in it is in use.
        keep_s: files used within this time are never evicted.
    """

    def __init__(self, folder: Path, limit_bytes: int, keep_s: float = KEEP_S) -> None:
        self.folder = folder
        self.limit_bytes = limit_bytes
        self._keep_s = keep_s
        self._mutex = threading.Lock()
        self._unmeasured_bytes = limit_bytes  # more than SCAN_AFTER: the first file measures the folder
        self._hashed: dict[str, tuple[int, float]] = {}  # digest -> inode, when: of the copies that were right

    def path(self, ref: Ref, *, anew: bool = False) -> Path | None:
        """The local copy, its use noted, or None. A damaged copy (a disk's fault, a crash of the machine) is removed.

        Args:
            anew: hash it even where that was done a moment ago.
        """
        path = self._place(ref)
        try:
            with _shared(path) as file:
                if not self._is_right(file, ref, anew):
                    path.unlink(missing_ok=True)
                    log.warning("damaged copy removed", artifact=ref.sha256, path=str(path))
                    return None
                os.utime(path)
        except FileNotFoundError:
            return None
        return path

    def _is_right(self, file: BufferedReader, ref: Ref, anew: bool) -> bool:
        facts = os.fstat(file.fileno())
        if ref.size_bytes is not None and facts.st_size != ref.size_bytes:
            return False
        inode, when = self._hashed.get(ref.sha256, (0, 0.0))
        if inode == facts.st_ino and time.monotonic() - when < TRUSTED_S and not anew:
            return True
        if hashlib.file_digest(file, "sha256").hexdigest() != ref.sha256:
            return False
        self._trust(ref, facts.st_ino)
        return True

    def _trust(self, ref: Ref, inode: int) -> None:
        with self._mutex:
            if len(self._hashed) >= TRUSTED_MOST:
                self._hashed.clear()  # they are hashed again, which costs little
            self._hashed[ref.sha256] = (inode, time.monotonic())

    def add(self, path: Path, ref: Ref) -> Path:
        """Take a finished file over; it must not be changed afterwards. Raises WorkbenchError (home.disk_full)."""
        place = self._place(ref)
        facts = path.stat()
        size = facts.st_size
        try:
            os.utime(path)  # it becomes the time of use at its place
            take_over(path, place)
            self._trust(ref, facts.st_ino)  # this very file, whose digest its maker has just taken
            if self.path(ref) is None:  # an older copy was there, and was evicted or damaged
                take_over(path, place)
        except OSError as fault:
            if no_space(fault):
                raise disk_full(fault, place.parent) from fault
            raise
        self._grown(size)
        return place

    def fetch(self, ref: Ref, objects: Objects) -> Path:
        """The local copy, fetched and verified where there is none. Blocks.

        Raises WorkbenchError: store.missing, store.corrupt, store.unreachable, home.disk_full.
        """
        found = self.path(ref)
        if found is not None:
            return found
        place = self._place(ref)
        objects.get(ref, place)
        facts = place.stat()
        self._trust(ref, facts.st_ino)  # the store's bytes were compared on their way
        self._grown(facts.st_size)
        return place

    @contextlib.contextmanager
    def hold(self, *refs: Ref) -> Iterator[None]:
        """Keep these artifacts here while the block runs; those that are not here are passed over."""
        with contextlib.ExitStack() as stack:
            for ref in refs:
                with contextlib.suppress(FileNotFoundError):
                    stack.enter_context(_shared(self._place(ref)))
            yield

    def size_bytes(self) -> int:
        """What the files take together."""
        return sum(size for _, size, _ in self._files())

    def evict(self) -> int:
        """Remove what was used longest ago until the cache is within its limit; returns the bytes freed."""
        files = sorted(self._files())
        total = sum(size for _, size, _ in files)
        freed = 0
        if total <= self.limit_bytes:
            return 0
        for used_at, size, path in files:
            if total - freed <= self.limit_bytes * EVICT_TO or time.time() - used_at < self._keep_s:
                break
            if remove_unless_used(path, used_at):
                freed += size
        return freed

    def _place(self, ref: Ref) -> Path:
        return self.folder / ref.sha256[:2] / ref.sha256

    def _grown(self, size: int) -> None:
        with self._mutex:
            self._unmeasured_bytes += size
            due = self._unmeasured_bytes > self.limit_bytes * SCAN_AFTER
            if due:
                self._unmeasured_bytes = 0
        if due:
            self.evict()

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        """(used at, bytes, path) of every artifact; clears away what dead processes left half-written."""
        for path in self.folder.glob("??/*"):
            try:
                facts = path.stat()
                if path.name.startswith("."):
                    if time.time() - facts.st_mtime > STALE_STAGING_S:
                        path.unlink()
                    continue
            except FileNotFoundError:  # another process was quicker
                continue
            yield facts.st_mtime, facts.st_size, path


@contextlib.contextmanager
def _shared(path: Path) -> Iterator[BufferedReader]:
    """The file under a shared lock, and still at its place. Raises FileNotFoundError."""
    with path.open("rb") as file:
        lock(file, shared=True)
        # Evicted between opening and locking? The link count does not tell: a node's workdir may hold another link.
        if path.stat().st_ino != os.fstat(file.fileno()).st_ino:
            raise FileNotFoundError(path)
        yield file


def remove_unless_used(path: Path, used_at: float) -> bool:
    """Remove a copy that nobody holds and nobody used after that time; returns whether it is gone."""
    try:
        with path.open("rb") as file:
            if not lock(file, wait=False) or os.fstat(file.fileno()).st_mtime != used_at:
                return False  # in use, or used since the folder was read
            path.unlink()
    except FileNotFoundError:
        return False
    return True
