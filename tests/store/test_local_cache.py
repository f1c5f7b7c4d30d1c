"""The local cache: bounded, shared between processes, and without eviction of files in use."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import stat
import threading
import uuid
from pathlib import Path

import pytest

from schemas.errors import WorkbenchError
from schemas.refs import FileRef
from workbench.settings import load_settings
from workbench.store.local_cache import LocalCache
from workbench.store.objects import Objects


def add(cache: LocalCache, folder: Path, size: int = 1000, used_at: float | None = None) -> FileRef:
    data = os.urandom(size)
    path = folder / uuid.uuid4().hex
    path.write_bytes(data)
    ref = FileRef(sha256=hashlib.sha256(data).hexdigest(), size_bytes=size)
    place = cache.add(path, ref)
    path.unlink()
    if used_at is not None:
        os.utime(place, (used_at, used_at))
    return ref


@pytest.fixture
def cache(tmp_path: Path) -> LocalCache:
    return LocalCache(tmp_path / "cache", limit_bytes=10_000, keep_s=0)


def test_an_added_file_is_read_only_at_its_path(cache: LocalCache, tmp_path: Path) -> None:
    ref = add(cache, tmp_path)
    path = cache.path(ref)
    assert path == tmp_path / "cache" / ref.sha256[:2] / ref.sha256
    assert stat.S_IMODE(path.stat().st_mode) == 0o444
    assert cache.path(FileRef(sha256="0" * 64)) is None


def test_the_least_recently_used_file_is_evicted_first(cache: LocalCache, tmp_path: Path) -> None:
    refs = [add(cache, tmp_path, used_at=1000.0 + index) for index in range(10)]
    cache.path(refs[0])  # used just now
    newest = add(cache, tmp_path)
    cache.evict()
    assert cache.size_bytes() <= 10_000
    assert cache.path(refs[0]) is not None
    assert cache.path(newest) is not None
    assert cache.path(refs[1]) is None


def test_adding_files_keeps_the_folder_within_its_limit(cache: LocalCache, tmp_path: Path) -> None:
    for index in range(40):
        add(cache, tmp_path, used_at=1000.0 + index)
        assert cache.size_bytes() <= 11_000
    assert cache.size_bytes() > 5_000


def test_recently_used_files_are_kept_even_over_the_limit(tmp_path: Path) -> None:
    cache = LocalCache(tmp_path / "cache", limit_bytes=1000, keep_s=3600)
    refs = [add(cache, tmp_path) for _ in range(5)]
    assert cache.evict() == 0
    assert all(cache.path(ref) for ref in refs)


def _hold(folder: Path, ref: FileRef, held: object, release: object) -> None:
    cache = LocalCache(folder, limit_bytes=10_000, keep_s=0)
    with cache.hold(ref):
        held.set()  # type: ignore[attr-defined]
        release.wait(60)  # type: ignore[attr-defined]


def test_a_file_held_by_another_process_is_not_evicted(cache: LocalCache, tmp_path: Path) -> None:
    fork = multiprocessing.get_context("fork")  # imports in a new interpreter would take three seconds
    held, release = fork.Event(), fork.Event()
    ref = add(cache, tmp_path, used_at=1000.0)
    user = fork.Process(target=_hold, args=(tmp_path / "cache", ref, held, release))
    user.start()
    assert held.wait(60)
    for index in range(12):
        add(cache, tmp_path, used_at=2000.0 + index)
    cache.evict()
    assert (cache.folder / ref.sha256[:2] / ref.sha256).exists()
    user.kill()  # a crash: the kernel drops the lock
    user.join()
    add(cache, tmp_path, size=9000)
    cache.evict()
    assert not (cache.folder / ref.sha256[:2] / ref.sha256).exists()


def test_a_truncated_copy_is_not_returned(cache: LocalCache, tmp_path: Path) -> None:
    ref = add(cache, tmp_path)
    place = cache.folder / ref.sha256[:2] / ref.sha256
    place.chmod(0o644)
    place.write_bytes(b"half")
    assert cache.path(ref) is None
    assert not place.exists()


@pytest.mark.stack
def test_fetch_downloads_once(s3: dict[str, str], tmp_path: Path, cache: LocalCache) -> None:
    objects = Objects.connect(load_settings(**s3))
    path = tmp_path / "data"
    path.write_bytes(os.urandom(5000))
    ref = FileRef(sha256=hashlib.sha256(path.read_bytes()).hexdigest(), size_bytes=5000)
    objects.put(path, ref)
    local = cache.fetch(ref, objects)
    assert local.read_bytes() == path.read_bytes()
    objects.delete(ref.sha256)
    assert cache.fetch(ref, objects) == local
    with pytest.raises(WorkbenchError):
        cache.fetch(FileRef(sha256="0" * 64), objects)


def test_a_returned_file_exists_while_another_thread_evicts(tmp_path: Path) -> None:
    """One thread uses files while another evicts them: each file that path() returns and holds can be read."""
    folder = tmp_path / "cache"
    cache = LocalCache(folder, limit_bytes=10**9, keep_s=0)
    stop = threading.Event()
    freed: list[int] = []

    def evict() -> None:
        while not (stop.is_set() and sum(freed)):
            freed.append(LocalCache(folder, limit_bytes=100, keep_s=0).evict())

    evictor = threading.Thread(target=evict)
    evictor.start()
    read = 0
    for _ in range(300):
        ref = add(cache, tmp_path, size=200)
        with cache.hold(ref):
            path = cache.path(ref)
            if path is not None:
                assert len(path.read_bytes()) == 200
                read += 1
    stop.set()
    evictor.join()
    assert read > 0 and sum(freed) > 0


def test_a_damaged_copy_is_not_returned_and_is_replaced(cache: LocalCache, tmp_path: Path) -> None:
    """The second cache acts as another process, because the first one has just hashed the copy."""
    ref = add(cache, tmp_path)
    place = cache.folder / ref.sha256[:2] / ref.sha256
    right = place.read_bytes()
    place.chmod(0o644)
    place.write_bytes(bytes([right[0] ^ 1]) + right[1:])
    other = LocalCache(cache.folder, limit_bytes=10_000, keep_s=0)
    again = tmp_path / "again"
    again.write_bytes(right)
    assert other.add(again, ref).read_bytes() == right, "a node that produces it again repairs it"
    place.chmod(0o644)
    place.write_bytes(bytes([right[0] ^ 1]) + right[1:])
    assert other.path(ref, anew=True) is None
    assert not place.exists()
