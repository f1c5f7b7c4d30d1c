"""The home directory: all files of one deployment on this machine, readable only by their owner."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from schemas.errors import WorkbenchError
from workbench.host import lock

FOLDERS = ("bus", "objects", "mlflow", "sql", "logs", "run")
LEAST_FREE_BYTES = 200 * 1024 * 1024  # with less, Valkey rejects writes and SeaweedFS soon becomes read-only


def prepare_home(home: Path) -> None:
    """Create the home and its folders (mode 0700) and test a write.

    Raises WorkbenchError: home.not_writable, home.disk_full.
    """
    try:
        for folder in (home, *(home / name for name in FOLDERS)):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner = home.stat().st_uid
        if owner != os.getuid():
            raise WorkbenchError(
                "home.not_writable",
                f"The home belongs to the user id {owner}, but this process runs as {os.getuid()}.",
                where=str(home),
                remedy="Set WORKBENCH_HOME to a directory that you own.",
            )
        home.chmod(0o700)
        with tempfile.TemporaryFile(dir=home) as probe:
            probe.write(b"\0" * 4096)
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        raise home_error(home, error) from error
    free = free_bytes(home)
    if free < LEAST_FREE_BYTES:
        raise disk_full(home, free)


def free_bytes(home: Path) -> int:
    return shutil.disk_usage(home).free


def file_sizes(folder: Path) -> Iterator[int]:
    """The bytes of each file below a folder, without files that are removed meanwhile."""
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                yield os.lstat(os.path.join(root, name)).st_size  # noqa: PTH118 - called for ten thousand files
            except FileNotFoundError:
                continue


def disk_full(home: Path, free: int) -> WorkbenchError:
    return WorkbenchError(
        "home.disk_full",
        f"Only {free // 2**20} MiB are free on the disk that holds the home.",
        where=str(home),
        seen=f"{free // 2**20} MiB",
        allowed=f"at least {LEAST_FREE_BYTES // 2**20} MiB",
        remedy="Free some space there, run `workbench gc`, or set WORKBENCH_HOME to a directory on a larger disk.",
    )


def home_error(home: Path, error: OSError) -> WorkbenchError:
    """The error for a failed write into the home."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full(home, 0)
    return WorkbenchError(
        "home.not_writable",
        f"The home directory cannot be used: {error.strerror or error}.",
        where=str(error.filename or home),
        seen=str(home),
        remedy="Make it a writable directory that you own, or set WORKBENCH_HOME to one.",
    )


@contextmanager
def only_instance(home: Path) -> Iterator[bool]:
    """Hold the home's lock. Yields False when another process holds it; the kernel frees it when that one dies."""
    descriptor = os.open(home / "stack.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield lock(descriptor, wait=False)
    finally:
        os.close(descriptor)


def write_private(path: Path, content: bytes) -> None:
    """Replace a file atomically; readable only by its owner. Raises OSError."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp: 0600 from the start
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
