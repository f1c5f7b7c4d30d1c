"""Detects, reports and removes artifacts whose stored bytes do not match their digest.

An object that is certainly damaged is removed. From then on it is missing, and a missing artifact is a cache miss for
the node that produced it. No other mark is needed, and correct bytes can be stored again under the same name.
"""

from __future__ import annotations

import os
import uuid
from enum import StrEnum
from typing import Any, Protocol

from minio.error import S3Error, ServerError
from urllib3.exceptions import ProtocolError

from schemas.errors import WorkbenchError
from schemas.refs import Ref

LOST = frozenset({"store.missing", "store.corrupt"})  # codes of an error whose ``artifact`` detail is the digest
PROBE_BYTES = 64 * 2**20  # maximum size of a probe, which otherwise has the size of the object in question
REMEDY = (
    "If a job produced it, `workbench job rerun JOB` recomputes it. If a person uploaded it, upload the file again. "
    "`workbench doctor --objects` shows which is the case and names the jobs."
)


class Store(Protocol):
    """The part of ``workbench.store.objects.Objects`` that is needed to examine one object."""

    def stat(self, sha256: str) -> Any: ...
    def verify(self, ref: Ref) -> None: ...
    def delete(self, sha256: str) -> None: ...
    def delete_key(self, key: str) -> None: ...
    def put_bytes(self, key: str, data: bytes, media_type: str) -> None: ...
    def get_bytes(self, key: str) -> bytes: ...


class Condition(StrEnum):
    """The condition of an artifact's object."""

    GOOD = "good"
    MISSING = "missing"
    DAMAGED = "damaged"  # its bytes do not match its digest
    UNREADABLE = "unreadable"  # the store fails for this object only


def missing(sha256: str, where: str) -> WorkbenchError:
    """The error for an artifact that is not in the store."""
    return WorkbenchError(
        "store.missing",
        f"artifact {sha256[:12]} is not in the object store",
        where=where,
        seen="no such object",
        remedy=REMEDY,
        artifact=sha256,
    )


def corrupt(sha256: str, where: str, seen: str, expected: str) -> WorkbenchError:
    """The error for bytes that do not match the digest."""
    return WorkbenchError(
        "store.corrupt",
        f"the bytes of artifact {sha256[:12]} do not match its digest",
        where=where,
        seen=seen,
        allowed=expected,
        remedy=REMEDY,
        artifact=sha256,
    )


def unreadable(sha256: str, fault: WorkbenchError) -> WorkbenchError:
    """The error for an object that the store fails to read while it reads others."""
    return WorkbenchError(
        "store.corrupt",
        f"the object store can no longer read artifact {sha256[:12]}, but reads others of the same size",
        where=fault.where,
        seen=fault.seen,
        remedy=REMEDY,
        artifact=sha256,
        unreadable=True,
    )


def condition(objects: Store, ref: Ref) -> Condition:
    """Read the whole object and compare its digest. Raises WorkbenchError: store.unreachable, store.refused."""
    try:
        objects.verify(ref)
    except WorkbenchError as error:
        if error.code == "store.missing":
            return Condition.MISSING
        if error.code == "store.corrupt":
            return Condition.UNREADABLE if error.details.get("unreadable") else Condition.DAMAGED
        raise
    return Condition.GOOD


def discard(objects: Store, ref: Ref) -> Condition:
    """Read the object once more and remove it if it is damaged. Returns the condition found.

    Raises WorkbenchError: store.unreachable, store.refused.
    """
    found = condition(objects, ref)
    if found in (Condition.DAMAGED, Condition.UNREADABLE):
        objects.delete(ref.sha256)
    return found


def fails_for_this_object_only(objects: Store, sha256: str, fault: WorkbenchError) -> bool:
    """Whether the store works and fails for this object only, after it responded with this fault.

    A store with checksums of its own (SeaweedFS) responds with 500, or closes the connection, if its disk returned
    different bytes. A store that is shutting down does the same. To distinguish the two, this function writes an object
    of the same size and reads it back.
    """
    if not isinstance(fault.__cause__, (S3Error, ServerError, ProtocolError)):
        return False  # no response: connection refused or timed out
    key = f"probe/{uuid.uuid4().hex}"
    try:
        facts = objects.stat(sha256)
        if facts is None:
            return False
        data = os.urandom(min(facts.size_bytes, PROBE_BYTES))
        objects.put_bytes(key, data, "application/octet-stream")
        try:
            return objects.get_bytes(key) == data
        finally:
            objects.delete_key(key)
    except WorkbenchError as error:
        if error.code in ("store.unreachable", "store.missing"):
            return False
        raise
