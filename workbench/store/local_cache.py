"""Local copies of artifacts: ``ab/abcd…`` below a folder, read-only, bounded in size, shared by processes.

A copy is in use if it was used recently or is held. ``hold`` takes a shared flock, which the kernel releases when the
process ends, so a crash never leaves an artifact pinned. Eviction is by modification time, which every use updates, and
takes an exclusive flock first.

A copy is hashed when a process first uses it, and again after ten minutes, because a disk may return other bytes than
were written. A result computed from such bytes would be cached under the content key of the correct ones. File times
do not reveal such damage. Hashing runs at 1.2 GB/s here.
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
KEEP_S = 60.0  # files used within this time are kept, because nothing else protects them between fetch() and hold()
EVICT_TO = 0.9  # of the limit, so that a full cache is not scanned for every file
SCAN_AFTER = 0.05  # of the limit: how much may be added before the folder is measured again
STALE_STAGING_S = 24 * 3600.0
TRUSTED_S = 600.0  # a copy that was hashed within this time is not hashed again
TRUSTED_MOST = 10_000


class LocalCache:
    """A folder of artifacts. Thread-safe, and safe with other processes on the same folder.

    Args:
        folder: created if it is missing.
        limit_bytes: maximum total size of the files. It is exceeded while all files are in use.
        keep_s: files used within this time are never evicted.
    """

    def __init__(self, folder: Path, limit_bytes: int, keep_s: float = KEEP_S) -> None:
        self.folder = folder
        self.limit_bytes = limit_bytes
        self._keep_s = keep_s
        self._mutex = threading.Lock()
        self._unmeasured_bytes = limit_bytes  # above SCAN_AFTER, so that adding the first file measures the folder
        self._hashed: dict[str, tuple[int, float]] = {}  # digest -> inode and time, for copies that were correct

    def path(self, ref: Ref, *, anew: bool = False) -> Path | None:
        """The local copy, marked as used, or None. A damaged copy (disk fault, crash of the machine) is removed.

        Args:
            anew: hash the copy even if that was done recently.
        """
        path = self._place(ref)
        try:
            with _shared(path) as file:
                if not self._is_correct(file, ref, anew):
                    path.unlink(missing_ok=True)
                    log.warning("damaged copy removed", artifact=ref.sha256, path=str(path))
                    return None
                os.utime(path)
        except FileNotFoundError:
            return None
        return path

    def _is_correct(self, file: BufferedReader, ref: Ref, anew: bool) -> bool:
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
                self._hashed.clear()  # hashing them again costs little
            self._hashed[ref.sha256] = (inode, time.monotonic())

    def add(self, path: Path, ref: Ref) -> Path:
        """Add a finished file, which must not be changed afterwards. Raises WorkbenchError (home.disk_full)."""
        place = self._place(ref)
        facts = path.stat()
        size = facts.st_size
        try:
            os.utime(path)  # counts as the time of last use
            take_over(path, place)
            self._trust(ref, facts.st_ino)  # its creator has just computed its digest
            if self.path(ref) is None:  # there was an older copy, which was evicted or damaged
                take_over(path, place)
        except OSError as fault:
            if no_space(fault):
                raise disk_full(fault, place.parent) from fault
            raise
        self._grown(size)
        return place

    def fetch(self, ref: Ref, objects: Objects) -> Path:
        """The local copy, fetched and verified if there is none. Blocks.

        Raises WorkbenchError: store.missing, store.corrupt, store.unreachable, home.disk_full.
        """
        found = self.path(ref)
        if found is not None:
            return found
        place = self._place(ref)
        objects.get(ref, place)
        facts = place.stat()
        self._trust(ref, facts.st_ino)  # the digest was verified during the download
        self._grown(facts.st_size)
        return place

    @contextlib.contextmanager
    def hold(self, *refs: Ref) -> Iterator[None]:
        """Protect the local copies of these artifacts from eviction during the block; missing ones are skipped."""
        with contextlib.ExitStack() as stack:
            for ref in refs:
                with contextlib.suppress(FileNotFoundError):
                    stack.enter_context(_shared(self._place(ref)))
            yield

    def size_bytes(self) -> int:
        """The total size of the files."""
        return sum(size for _, size, _ in self._files())

    def evict(self) -> int:
        """Remove the least recently used files until the cache is within its limit. Returns the bytes freed."""
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
        """(time of last use, bytes, path) of every artifact. Removes incomplete files of dead processes."""
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
    """The file under a shared lock, if it still exists at this path. Raises FileNotFoundError."""
    with path.open("rb") as file:
        lock(file, shared=True)
        # It may have been evicted between open and lock. The link count does not show that, because a node's workdir
        # may contain another link.
        if path.stat().st_ino != os.fstat(file.fileno()).st_ino:
            raise FileNotFoundError(path)
        yield file


def remove_unless_used(path: Path, used_at: float) -> bool:
    """Remove a copy that is not held and was not used after this time. Returns whether it was removed."""
    try:
        with path.open("rb") as file:
            if not lock(file, wait=False) or os.fstat(file.fileno()).st_mtime != used_at:
                return False  # in use, or used after the folder was read
            path.unlink()
    except FileNotFoundError:
        return False
    return True
