"""The one way out: every front end delivers files through this module. What a job made leaves with a signed manifest.

The stored artifact stays as it is; the manifest is added to a copy. A copy is signed once and cached, because no two
signatures are equal: an interrupted download continues with the same bytes.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import WorkbenchError
from schemas.job import JobRecord
from schemas.refs import Ref
from workbench.client.delivery.issuer import Issuer, issuer
from workbench.client.delivery.manifest import maker, manifest, statement
from workbench.client.delivery.signature import SIGNED_TYPES, write_signed
from workbench.client.deployment import Deployment
from workbench.client.incoming_files import incoming_folder
from workbench.client.media.bounded_folder import keep_bounded
from workbench.store.deliveries import DeliveredFile, Deliveries
from workbench.store.files import written

MEDIA = ("image", "audio", "video")
FOLDER = "delivered"
_LIMIT_BYTES = 2_000_000_000
_UNSIGNABLE = ("delivery.no_library", "delivery.not_signed")


@dataclass(frozen=True)
class Delivery:
    """A file that is ready to leave the workbench.

    Attributes:
        path: a local copy; read-only.
        sha256: of its bytes.
        signed: whether it carries a signed manifest.
        unsigned_because: why generated media carries none; "" if it is signed, or needs no mark.
    """

    path: Path
    sha256: str
    signed: bool = False
    unsigned_because: str = ""


def deliver(deployment: Deployment, ref: Ref, *, record: JobRecord | None = None, owner: str | None = None) -> Delivery:
    """An artifact as it may leave the workbench. Blocks.

    Media that a job made is signed. A file that a person provided, texts and other data leave as they are.

    Args:
        record: the job that the artifact is delivered as a result of. Without it, the newest one that made it counts.
        owner: whose jobs the manifest may name; None for all owners.

    Raises WorkbenchError: settings.invalid, store.*, sql.unreachable, home.*
    """
    if ref.kind not in MEDIA:
        return Delivery(deployment.open(ref), ref.sha256)
    made_by = record if record is not None and maker(record, ref) else _making_job(deployment, ref, owner)
    if made_by is None and Deliveries(deployment.store.database).was_given(ref.sha256):
        return Delivery(deployment.open(ref), ref.sha256)
    media_type = ref.media_type.partition(";")[0].strip().lower()
    if media_type not in SIGNED_TYPES:
        return Delivery(deployment.open(ref), ref.sha256, unsigned_because=f"{media_type} cannot carry a C2PA manifest")
    try:
        return _signed(deployment, ref, media_type, made_by, issuer(deployment.settings))
    except WorkbenchError as error:
        if error.code not in _UNSIGNABLE:
            raise
        return Delivery(deployment.open(ref), ref.sha256, unsigned_because=str(error))


def save(deployment: Deployment, ref: Ref, target: Path, *, record: JobRecord | None = None) -> Delivery:
    """Deliver an artifact to a file of the user, which is never incomplete. ``path`` of the result is that file.

    Raises WorkbenchError like ``deliver``.
    """
    found = deliver(deployment, ref, record=record)
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = target.with_name(f".{target.name}.part")
    shutil.copyfile(found.path, staging)
    return Delivery(staging.replace(target), found.sha256, found.signed, found.unsigned_because)


def cached_copy(deployment: Deployment, sha256: str) -> Path | None:
    """The file of an earlier delivery, by the digest of the delivered bytes; None if the cache has dropped it."""
    found = Deliveries(deployment.store.database).find(sha256)
    if found is None:
        return None
    path = _folder(deployment) / _name(found)
    return path if path.is_file() else None


def _making_job(deployment: Deployment, ref: Ref, owner: str | None) -> JobRecord | None:
    for job in Deliveries(deployment.store.database).making_jobs(ref.sha256, owner):
        record = deployment.store.get(job)
        if record is not None and maker(record, ref):
            return record
    return None


def _signed(deployment: Deployment, ref: Ref, media_type: str, record: JobRecord | None, by: Issuer) -> Delivery:
    deliveries, folder = Deliveries(deployment.store.database), _folder(deployment)
    job = record.id if record else None
    if (known := deliveries.latest(ref.sha256, job, by.fingerprint)) is not None:
        path = folder / _name(DeliveredFile(known, ref.sha256, job, 0.0))
        with contextlib.suppress(FileNotFoundError):
            os.utime(path)  # recently used files stay
            return Delivery(path, known, signed=True)
    with incoming_folder(deployment.settings.home) as work, written(folder):
        made = work / "signed"
        made.touch(mode=0o600)
        write_signed(deployment.open(ref), made, media_type, manifest(ref, statement(ref, record)), by)
        with made.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        deliveries.add(sha256, ref.sha256, job, by.fingerprint)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = made.replace(folder / _name(DeliveredFile(sha256, ref.sha256, job, 0.0)))
    keep_bounded(folder, _LIMIT_BYTES)
    return Delivery(path, sha256, signed=True)


def _folder(deployment: Deployment) -> Path:
    return deployment.settings.home / "cache" / FOLDER


def _name(file: DeliveredFile) -> str:
    """Begins with the artifact and ends with the job, by which ``retention`` finds the file."""
    return f"{file.artifact}-{file.sha256}" + (f"-{file.job}" if file.job else "")
