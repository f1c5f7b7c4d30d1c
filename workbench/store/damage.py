"""Bytes that are not what their digest names: how they are told, found out and taken out of the store.

An object whose damage is certain is removed. From then on it is missing, and a missing artifact is a cache miss for the
node that made it: nothing else has to be marked, and the right bytes are taken in again under the same name.
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
PROBE_BYTES = 64 * 2**20  # a probe is as large as the object in question, up to this
REMEDY = (
    "If a job made it: `workbench job rerun JOB` computes it anew. If a person brought it in: upload the file again. "
    "`workbench doctor --objects` says which, and names the jobs."
)


class Store(Protocol):
    """What is needed of ``workbench.store.objects.Objects`` to examine one of its objects."""

    def stat(self, sha256: str) -> Any: ...
    def verify(self, ref: Ref) -> None: ...
    def delete(self, sha256: str) -> None: ...
    def delete_key(self, key: str) -> None: ...
    def put_bytes(self, key: str, data: bytes, media_type: str) -> None: ...
    def get_bytes(self, key: str) -> bytes: ...


class Condition(StrEnum):
    """What an artifact's object is worth."""

    GOOD = "good"
    MISSING = "missing"
    DAMAGED = "damaged"  # other bytes than its digest names
    UNREADABLE = "unreadable"  # the store fails at this object and at no other


def missing(sha256: str, where: str) -> WorkbenchError:
    """The error for an artifact that the store does not have."""
    return WorkbenchError(
        "store.missing",
        f"the object store does not have the bytes of artifact {sha256[:12]}",
        where=where,
        seen="nothing",
        remedy=REMEDY,
        artifact=sha256,
    )


def corrupt(sha256: str, where: str, seen: str, expected: str) -> WorkbenchError:
    """The error for other bytes than the digest names."""
    return WorkbenchError(
        "store.corrupt",
        f"the bytes of artifact {sha256[:12]} are not those its digest names",
        where=where,
        seen=seen,
        allowed=expected,
        remedy=REMEDY,
        artifact=sha256,
    )


def unreadable(sha256: str, fault: WorkbenchError) -> WorkbenchError:
    """The error for an object at which the store fails while it answers everything else."""
    return WorkbenchError(
        "store.corrupt",
        f"the object store cannot read artifact {sha256[:12]} any more, and reads others of its size",
        where=fault.where,
        seen=fault.seen,
        remedy=REMEDY,
        artifact=sha256,
        unreadable=True,
    )


def condition(objects: Store, ref: Ref) -> Condition:
    """Read the whole object and compare. Raises WorkbenchError: store.unreachable, store.refused."""
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
    """Remove the object if it is damaged, which is read once more before; returns what it was found to be.

    Raises WorkbenchError: store.unreachable, store.refused.
    """
    found = condition(objects, ref)
    if found in (Condition.DAMAGED, Condition.UNREADABLE):
        objects.delete(ref.sha256)
    return found


def only_this(objects: Store, sha256: str, fault: WorkbenchError) -> bool:
    """Whether the store is well and fails at this object alone, after it answered with that fault.

    A store that keeps checksums of its own (SeaweedFS) answers 500, or breaks off, where its disk gave it other bytes.
    So does one that is going down. What tells them apart is an object of the same size, written and read back now.
    """
    if not isinstance(fault.__cause__, (S3Error, ServerError, ProtocolError)):
        return False  # nobody answered: refused, timed out
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
