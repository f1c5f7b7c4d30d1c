"""Bounded retries with jitter for the object store, and errors with a remedy for its faults."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from minio.error import InvalidResponseError, S3Error, ServerError
from urllib3.exceptions import HTTPError

from schemas.errors import WorkbenchError
from workbench.backoff import Backoff

T = TypeVar("T")
ATTEMPTS = 5
PAUSES = Backoff(first_s=0.1, longest_s=0.8, jitter=0.5)  # 1.5 s in all, which outlasts a restarting local server

_MISSING = frozenset({"NoSuchKey", "NoSuchObject"})
_REFUSED = frozenset({"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "RequestTimeTooSkewed"})
_TRANSIENT = frozenset(
    {"InternalError", "SlowDown", "SlowDownRead", "SlowDownWrite", "ServiceUnavailable", "RequestTimeout"}
)


def with_retries(request: Callable[[], T], *, what: str, endpoint: str, attempts: int = ATTEMPTS) -> T:
    """The value of ``request()``, which is repeated while its faults are transient. Waits at most 1.5 s in total.

    Raises:
        WorkbenchError: store.missing, store.refused, store.unreachable, home.disk_full; ``what`` names the operation.
    """
    attempt = 1
    while True:
        try:
            return request()
        except OSError as fault:  # of the local file; urllib3 wraps those of the connection
            if no_space(fault):
                raise disk_full(fault) from fault
            raise
        except (S3Error, ServerError, InvalidResponseError, HTTPError) as fault:
            # HTTPError covers urllib3's refused, reset, timed-out and interrupted connections.
            if not _is_transient(fault) or attempt >= attempts:
                raise _error_of(fault, what=what, endpoint=endpoint, attempts=attempt) from fault
        time.sleep(PAUSES.pause_s(attempt))
        attempt += 1


def is_missing(fault: BaseException) -> bool:
    """Whether the store reported that the object does not exist."""
    return isinstance(fault, S3Error) and fault.code in _MISSING


def _is_transient(fault: Exception) -> bool:
    if isinstance(fault, S3Error):
        return str(fault.code) in _TRANSIENT
    if isinstance(fault, ServerError):
        return int(fault.status_code) >= 500
    if isinstance(fault, InvalidResponseError):  # not S3's XML: a proxy, or a server that is still starting
        return int(fault._code) >= 500
    return isinstance(fault, HTTPError)


def _error_of(fault: Exception, *, what: str, endpoint: str, attempts: int) -> WorkbenchError:
    seen = f"{type(fault).__name__}: {fault}"
    if is_missing(fault):
        return WorkbenchError(
            "store.missing",
            f"{what}: the object is not in the object store",
            where=endpoint,
            remedy="Run the job that produced it again. Missing cached results are recomputed.",
        )
    if isinstance(fault, S3Error) and fault.code in _REFUSED:
        return WorkbenchError(
            "store.refused",
            f"{what}: the object store rejected the credentials ({fault.code})",
            where=endpoint,
            seen=fault.message,
            remedy="Check WORKBENCH_S3_ACCESS_KEY, WORKBENCH_S3_SECRET_KEY, the bucket's owner and the system clock.",
        )
    return WorkbenchError(
        "store.unreachable",
        f"{what}: the object store is not available",
        where=endpoint,
        seen=f"{seen} (attempt {attempts})",
        remedy="Check `workbench status` and WORKBENCH_S3_URL. The job continues once the object store responds.",
    )


def no_space(fault: OSError) -> bool:
    """Whether a write failed because the disk or the quota is full."""
    return fault.errno in (errno.ENOSPC, errno.EDQUOT)


def disk_full(fault: OSError, where: Path | str = "") -> WorkbenchError:
    """The error for a write without disk space.

    Args:
        where: the file or folder that could not be written, if known, because a failed write does not name its file.
    """
    return WorkbenchError(
        "home.disk_full",
        "there is no disk space left for the files of a node",
        where=str(where or fault.filename or ""),
        seen=fault.strerror,
        remedy="Free space on that disk, or decrease WORKBENCH_CACHE_GIB. Then submit the job again.",
    )
