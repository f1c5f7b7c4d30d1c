"""A full disk: the error says what, where and what to do, no partial file stays, and work continues with new space."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import secrets
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from schemas.errors import ErrorInfo, WorkbenchError
from schemas.job import JobRecord
from schemas.refs import FileRef
from schemas.status import JobStatus
from tests.faults.conftest import Alive, check_no_dangling_references, events_of
from tests.faults.extent import extent
from tests.live import Diary, LiveDeployment, wait_for
from tests.stack.servers import running_servers
from tests.store.samples import make_job
from workbench.client.rerun import rerun
from workbench.settings import Settings
from workbench.store.jobs import JobStore
from workbench.store.objects import Objects

ROUNDS = extent(10, 1)
FILE_MIB = 12
SMALL_MIB = 8
FULL_S = extent(60.0, 6.0)


@contextlib.contextmanager
def small_disk(folder: Path, size_mib: int) -> Iterator[Path]:
    """Mount a file system of this size on the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "workbench-test", str(folder)]
    try:
        refused = subprocess.run(mount, capture_output=True, text=True)
    except FileNotFoundError as error:
        pytest.skip(f"mount is not available ({error}); run this as root on Linux with util-linux")
    if refused.returncode != 0:
        pytest.skip(f"mounting is refused ({refused.stderr.strip()}); run this as root, or with CAP_SYS_ADMIN")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def grow(disk: Path, size_mib: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size_mib}m", str(disk)], check=True)


def fill(disk: Path) -> Path:
    """Fill the remaining space with a file and return it; deleting it frees the space."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while file.write(b"x" * size) == size:
                    pass
    assert os.statvfs(disk).f_bavail == 0
    return filler


def digest_of(value: str, size_mib: int) -> str:
    """The digest of the file that a probe writes for this value."""
    return hashlib.sha256(random.Random(value).randbytes(size_mib << 20)).hexdigest()


def check_disk_full_error(error: ErrorInfo | None, node: str, disk: Path) -> None:
    """Check that the error names the cause, the location and the remedy."""
    assert error is not None and error.code == "home.disk_full", error
    assert "space" in error.message
    assert error.details["node"] == node and str(disk) in error.details["where"], error.details
    assert "space" in error.details["remedy"]


def check_cache(folder: Path) -> int:
    """Check that every file of a cache matches its name and none is partial; return their number."""
    files = [path for path in folder.glob("??/*") if path.is_file()]
    for path in files:
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
    return len(files)


def test_an_object_store_on_a_small_disk_takes_data_while_there_is_space(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", 1000) as disk, running_servers(disk, only=("objects",)) as settings:
        for number in range(20):  # each bucket has volumes of its own, which hold 128 MiB when they are full
            data = secrets.token_bytes(1000)
            objects = Objects.connect(settings.model_copy(update={"s3_bucket": f"bucket{number}"}))
            (disk / "file").write_bytes(data)
            ref = FileRef(sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))
            assert objects.put(disk / "file", ref)


@pytest.fixture
def salt() -> str:
    return secrets.token_hex(4)


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data worker's home."""
    with small_disk(tmp_path_factory.mktemp("small"), SMALL_MIB) as mounted:
        yield mounted


@pytest.fixture(scope="module")
def cache_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The control plane's cache only: its work folders are on another disk."""
    with small_disk(tmp_path_factory.mktemp("control") / "cache", SMALL_MIB) as mounted:
        yield mounted


@pytest.fixture(scope="module")
def _deployment(
    tmp_path_factory: pytest.TempPathFactory, s3: dict[str, str], disk: Path, cache_disk: Path
) -> Iterator[LiveDeployment]:
    deployment = LiveDeployment(tmp_path_factory.mktemp("faults"), s3)
    deployment.of_role["worker"] = {"WORKBENCH_HOME": str(disk)}
    deployment.of_role["control"] = {"WORKBENCH_HOME": str(cache_disk.parent)}
    yield deployment
    deployment.stop()


def once(node: dict[str, Any]) -> dict[str, Any]:
    return {**node, "retries": {"maxAttempts": 1}}


def check_done(live: LiveDeployment, record: JobRecord, value: str) -> None:
    assert record.status is JobStatus.COMPLETED, record.error
    output = record.node("a").output
    assert output is not None and output["file"]["sha256"] == digest_of(value, FILE_MIB)
    assert check_no_dangling_references(live, [record]) == 1


def test_a_full_worker_home_fails_a_node_that_saves(live: LiveDeployment, disk: Path, diary: Diary, salt: str) -> None:
    alive = Alive(live)
    for turn in range(ROUNDS):
        grow(disk, SMALL_MIB)
        value = f"{salt}-{turn}"
        record = live.run({"a": once(diary.probe(value, file_kib=FILE_MIB << 10))})
        assert record.status is JobStatus.FAILED
        check_disk_full_error(record.node("a").error, "a", disk)
        alive.check()
        assert not live.deployment.objects.has(digest_of(value, FILE_MIB)), "no partial file is stored"
        assert check_cache(disk / "cache") == turn
        assert live.run({"b": diary.probe("small")}).status is JobStatus.COMPLETED, "a node without files still runs"
        grow(disk, SMALL_MIB + (turn + 2) * 4 * FILE_MIB)
        check_done(live, live.finish(rerun(live.deployment, record.id).job), value)
        assert diary.count(value) == 2
    print(f"\nhome full: {ROUNDS} of {ROUNDS} failed with home.disk_full, the rerun completed, 0 corrupt files")


def test_a_retry_succeeds_when_space_is_freed(live: LiveDeployment, disk: Path, diary: Diary, salt: str) -> None:
    grow(disk, 400)
    filler = fill_to(disk, FILE_MIB // 2)
    node = {**diary.probe(salt, file_kib=FILE_MIB << 10), "retries": {"maxAttempts": 20}}
    job = live.submit({"a": node}).job
    try:
        live.await_event(job, "node.retrying", "a")
    finally:
        filler.unlink()
    record = live.finish(job)
    check_done(live, record, salt)
    seen = [event.data["error"]["code"] for event in live.deployment.events(job) if event.type.value == "node.retrying"]
    assert set(seen) == {"home.disk_full"} and record.node("a").attempt == len(seen) + 1 == diary.count(salt)
    print(f"\n{len(seen)} attempts failed with home.disk_full, the next completed")


def fill_to(disk: Path, left_mib: int) -> Path:
    """Fill the disk except for this much space."""
    filler = disk / "filler"
    facts = os.statvfs(disk)
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, facts.f_bavail * facts.f_frsize - (left_mib << 20))
    return filler


@pytest.mark.parametrize("service", ["probe.control", "probe.reader_control"])
def test_a_full_cache_keeps_no_partial_file(
    live: LiveDeployment, disk: Path, cache_disk: Path, diary: Diary, salt: str, service: str
) -> None:
    """When a node saves a file, and when a node fetches it: no partial file stays on the disk."""
    alive = Alive(live)
    grow(disk, 400)
    for path in cache_disk.glob("??/*"):
        path.unlink()
    grow(cache_disk, SMALL_MIB)
    free = os.statvfs(cache_disk).f_bavail
    before = check_cache(cache_disk)
    if service == "probe.control":
        nodes, edges = {"a": once(diary.probe(salt, service, file_kib=FILE_MIB << 10))}, []
        full, stored = "a", False
    else:
        read = once({"service": service, "input": {"file": "$a.file"}})
        nodes, edges = {"a": diary.probe(salt, file_kib=FILE_MIB << 10), "read": read}, [("a", "read")]
        full, stored = "read", True
    record = live.run(nodes, edges)
    assert record.status is JobStatus.FAILED
    check_disk_full_error(record.node(full).error, full, cache_disk)
    alive.check()
    assert live.deployment.objects.has(digest_of(salt, FILE_MIB)) is stored
    assert check_cache(cache_disk) == before
    assert os.statvfs(cache_disk).f_bavail >= free - 4, "a partial file was left behind"
    grow(cache_disk, SMALL_MIB + 4 * FILE_MIB)
    check_done(live, live.finish(rerun(live.deployment, record.id).job), salt)


def test_executors_can_end_and_start_on_a_full_disk(live: LiveDeployment, disk: Path, diary: Diary, salt: str) -> None:
    """A dead executor is replaced; a worker without space for its executor waits and does not exit."""
    assert live.worker is not None
    grow(disk, 400)
    job = live.submit({"a": diary.probe(salt, sleep_s=2.0)}).job
    wait_for(lambda: diary.count(salt) == 1)
    executor = live.executor_of(live.worker)
    filler = fill(disk)
    log_from = len(live.log())
    os.kill(executor, signal.SIGKILL)
    another = live.start_role("worker", WORKBENCH_HOME=str(disk / "new"))
    try:
        wait_for(
            lambda: "no disk space left" in live.log()[log_from:], what="the new worker reports that there is no space"
        )
        record = live.finish(job)
        assert record.status is JobStatus.COMPLETED, "the old worker needs no space for this"
        assert (diary.count(salt), record.node("a").attempt) == (2, 2)
        assert [process.poll() for process in (live.worker, another)] == [None, None], live.log()[log_from:]
        filler.unlink()
        live.await_ready(another)
    finally:
        filler.unlink(missing_ok=True)
        another.terminate()
        another.wait(30)
    print("\n1 executor replaced on the full disk, 1 worker waited for space and came up")


def refuses_writes(live: LiveDeployment) -> bool:
    try:
        live.deployment.bus.client.hset(live.deployment.bus.keys.prefix + ":scratch", "a", "b")
    except redis.RedisError as error:
        return "AOF" in str(error)
    return False


def test_a_full_home_of_a_whole_deployment_loses_nothing(
    tmp_path_factory: pytest.TempPathFactory, s3: dict[str, str], diary: Diary
) -> None:
    """SQL, the bus's file, logs, caches and work folders: no process exits, no node runs twice, nothing is lost."""
    with small_disk(tmp_path_factory.mktemp("bench"), 64) as small:
        live = LiveDeployment(small / "home", s3)
        try:
            live.ensure()
            alive = Alive(live)
            nodes = {"a": diary.probe("a", sleep_s=3.0), "b": diary.probe("b", "probe.control")}
            jobs = [live.submit(nodes, [("a", "b")]).job]
            live.await_event(jobs[0], "node.running", "a")
            wait_for(lambda: diary.count("a") == 1)
            filler, full_at, refused = fill(small), time.time(), 0
            try:
                wait_for(lambda: refuses_writes(live), 60, "the bus refuses writes")
                for index in range(5):
                    try:
                        jobs.append(live.submit({"c": diary.probe(f"c{index}")}).job)
                    except WorkbenchError as error:
                        assert error.code == "home.disk_full" and error.where and "space" in error.remedy, error
                        refused += 1
                time.sleep(max(0.0, full_at + FULL_S - time.time()))  # a ends during this time
                alive.check()
                assert not any(live.deployment.job(job).status.final for job in jobs)
            finally:
                space_at = time.time()
                filler.unlink()
            records = [live.finish(job) for job in jobs]
            assert {record.status for record in records} == {JobStatus.COMPLETED}
            alive.check()
            ended_at = records[0].node("a").finished_at
            assert ended_at is not None and full_at < ended_at < space_at, "its result was kept"
            assert (diary.count("a"), diary.count("b")) == (1, 1)
            assert [node.attempt for node in records[0].nodes] == [1, 1]
            assert sorted(events_of(live, jobs[0], "node.completed")) == ["a", "b"]
            assert live.deployment.store.list().total == len(jobs), "a refused job was accepted after all"
            assert live.run({"d": diary.probe("d")}).status is JobStatus.COMPLETED
            with contextlib.closing(sqlite3.connect(live.home / "jobs.db")) as database:
                assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            print(f"\nfull for {FULL_S:g} s: {refused} of 5 submits refused, {len(jobs)} of {len(jobs)} jobs completed")
        finally:
            live.stop()


def test_sql_on_a_full_disk_refuses_writes_and_recovers(tmp_path_factory: pytest.TempPathFactory) -> None:
    with small_disk(tmp_path_factory.mktemp("sql"), SMALL_MIB) as small:
        store = JobStore.open(Settings(sql_url=f"sqlite:///{small}/jobs.sqlite3"))
        filler, created = fill(small), []
        with pytest.raises(WorkbenchError) as caught:
            for _ in range(1000):
                job = make_job()
                store.create(job)
                created.append(job.id)
        error = caught.value
        assert error.code == "home.disk_full" and str(small) in error.where and "space" in error.remedy
        filler.unlink()
        for _ in range(10):
            job = make_job()
            store.create(job)
            created.append(job.id)
        assert sorted(store.unfinished()) == sorted(created), "exactly the accepted jobs"
        store.close()
        with contextlib.closing(sqlite3.connect(small / "jobs.sqlite3")) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        print(f"\n{len(created) - 10} created before it was full, 10 after; 1 refused")
