"""Receives a user's file: inspects it under limits, stores the decoded content, and grants its owner access."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import tempfile
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from nodes._samples import SAMPLE_NAME, sample_portrait
from nodes.media import measure
from schemas.errors import WorkbenchError
from schemas.refs import REF_TYPES, SAFETENSORS, ZIP, Ref
from schemas.upload import EarlierFile, Upload, UploadRef, UploadWarning
from workbench.client.access import LOCAL
from workbench.client.delivery.verify import known_file
from workbench.client.deployment import Deployment
from workbench.client.incoming_files import incoming_folder
from workbench.client.inspection.inspector import Inspection
from workbench.client.inspection.limits import Limits
from workbench.client.inspection.upload_errors import megabytes, too_large
from workbench.client.quotas import check_quotas
from workbench.metrics import UPLOAD_BYTES, UPLOADS
from workbench.store.files import written

NAME_CHARACTERS = 120
MEDIA_KINDS = ("image", "audio", "video")
# What the kind of a reference does not say: media types of files that are inspected.
FILE_TYPES = {"portraits": ZIP, "lora": SAFETENSORS}
UPLOAD_KINDS = (*MEDIA_KINDS, *FILE_TYPES)
_UPLOAD_REF: TypeAdapter[Any] = TypeAdapter(UploadRef)


def store_file(deployment: Deployment, path: Path, kind: str, *, owner: str = "") -> tuple[Ref, list[UploadWarning]]:
    """Store a file from this machine: its reference, and what to know about it before using it.

    The kinds of ``UPLOAD_KINDS`` go through ``keep_upload``, as from every front end; other files are stored as they
    are.

    Args:
        kind: image, audio, video, portraits, lora, text, json or file.
        owner: as of ``keep_upload``.

    Raises WorkbenchError: node.bad_input if there is no such file, access.quota, and the errors of ``keep_upload``.
    """
    if not path.is_file():
        raise WorkbenchError(
            "node.bad_input",
            f"there is no file {path}",
            where=str(path),
            seen="nothing",
            allowed=f"the path of a file ({kind})",
            remedy="Correct the path.",
        )
    check_quotas(deployment, owner or LOCAL.name, path.stat().st_size)
    if kind in UPLOAD_KINDS:
        try:
            upload = keep_upload(deployment, path, owner=owner, kind=kind)
        except WorkbenchError as error:
            error.where = str(path) if error.where == "file" else error.where
            raise
        return upload.ref, upload.warnings
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    typed = measure(path, kind)  # a zip may hold portraits, for which a consent is needed
    ref = REF_TYPES[kind](sha256=sha256, size_bytes=path.stat().st_size, name=path.name[:200], **typed)
    with incoming_folder(deployment.settings.home) as folder, written(folder):
        copy = Path(shutil.copyfile(path, folder / "copy"))
        _store(deployment, copy, ref, owner, {"ref": ref.model_dump(mode="json", exclude_none=True)})
    return ref, []


def keep_upload(deployment: Deployment, path: Path, *, owner: str, kind: str = "auto", name: str = "") -> Upload:
    """Inspect a file, store its decoded content, and grant its owner access. Blocks; does not change the file.

    Args:
        owner: keeps a claim on the file, so that it stays although no job refers to it. "" if a job refers to it now.
        kind: image, audio, video, portraits or lora; ``auto`` for any of these.
        name: the user's name for the file. After ``plain_name`` it becomes ``ref.name``, and is used for nothing else.

    Raises WorkbenchError: upload.*, home.disk_full, home.not_writable, store.*, sql.unreachable.
    """
    with _counted(kind), incoming_folder(deployment.settings.home) as work:
        found, kept = inspect_file(deployment, path, work, kind)
        with kept.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        ref_kind = "file" if found.kind in FILE_TYPES else found.kind
        known = REF_TYPES[ref_kind].model_fields
        facts = found.facts.model_dump(exclude_none=True, by_alias=False)
        ref = _UPLOAD_REF.validate_python(
            {
                **{field: value for field, value in facts.items() if field in known},
                "kind": ref_kind,
                "media_type": found.media_type,
                "sha256": sha256,
                "size_bytes": kept.stat().st_size,
                "name": plain_name(name or path.name, found.suffix),
            }
        )
        upload = Upload(
            ref=ref,
            kind=found.kind,
            facts=found.facts,
            faces=found.faces,
            warnings=[*found.warnings, *_own_result(deployment, path, owner)],
            url=f"/api/artifacts/{sha256}",
        )
        _store(deployment, kept, ref, owner, upload.model_dump(mode="json", exclude_none=True))
    UPLOAD_BYTES.inc(path.stat().st_size)
    return upload


def _own_result(deployment: Deployment, path: Path, owner: str) -> list[UploadWarning]:
    """A warning if the file is a result of this deployment, as it was delivered or stored."""
    with path.open("rb") as file:
        known = known_file(deployment, hashlib.file_digest(file, "sha256").hexdigest(), owner=owner or None)
    if known is None:
        return []
    made = f"as a result of job {known.job}" if known.job else "as a result of a job"
    return [
        UploadWarning(
            code="file.synthetic",
            message=f"This file is synthetic: this workbench made it {made}.",
            remedy="Use a recording or a photo of the person where the original is needed.",
        )
    ]


def _store(deployment: Deployment, file: Path, ref: Ref, owner: str, facts: dict[str, Any]) -> None:
    """Store a file of ours, which moves to the cache. Facts about it are kept with its owner's claim."""
    if owner:
        deployment.claim(file, ref, owner, facts)
    else:
        deployment.keep(file, ref)


@contextlib.contextmanager
def _counted(kind: str) -> Iterator[None]:
    """Count the outcome of an inspection: accepted, or the last part of the error code."""
    try:
        yield
    except WorkbenchError as error:
        UPLOADS.labels(kind, error.code.rpartition(".")[2]).inc()
        raise
    UPLOADS.labels(kind, "accepted").inc()


def keep_sample(deployment: Deployment, owner: str) -> Upload:
    """The packaged portrait as an upload. Raises WorkbenchError like ``keep_upload``, and node.missing_package."""
    with tempfile.TemporaryDirectory(prefix="sample-") as folder:
        return keep_upload(deployment, sample_portrait(Path(folder)), owner=owner, kind="image", name=SAMPLE_NAME)


def earlier_files(deployment: Deployment, owner: str, kind: str | None = None, limit: int = 20) -> list[EarlierFile]:
    """Files that the owner uploaded or gave to jobs, newest first. Raises WorkbenchError: sql.unreachable.

    Args:
        kind: image, audio, video, portraits or lora; None for all of them.
    """
    kinds = (kind,) if kind else UPLOAD_KINDS
    media = [one for one in kinds if one in MEDIA_KINDS]
    types = [FILE_TYPES[one] for one in kinds if one in FILE_TYPES]
    found = []
    for ref, used in deployment.grants.earlier(owner, media, limit, types=types):
        url = f"/api/artifacts/{ref.sha256}"
        pictured = f"{url}/thumbnail" if ref.kind in ("image", "video") else None
        one = {"ref": ref, "kind": upload_kind(ref), "used": used, "url": url, "thumbnail": pictured}
        found.append(EarlierFile.model_validate(one))
    return found


def upload_kind(ref: Ref) -> str:
    """What the file of a reference was inspected as: image, audio, video, portraits or lora; else its own kind."""
    if ref.kind != "file":
        return ref.kind
    return next((kind for kind, media_type in FILE_TYPES.items() if ref.media_type == media_type), ref.kind)


def inspect_file(deployment: Deployment, path: Path, folder: Path, kind: str = "auto") -> tuple[Inspection, Path]:
    """The inspection of a file, and its decoded content as a file in ``folder``. Raises WorkbenchError: upload.*."""
    limits = Limits.of(deployment.settings)
    check_size(path.stat().st_size, kind, limits)
    out = folder / "kept"
    found = deployment.inspector.look(path, out, kind, limits)
    check_size(path.stat().st_size, found.kind, limits)
    return found, out


def check_size(size_bytes: int, kind: str, limits: Limits) -> None:
    """Raises WorkbenchError (upload.too_large)."""
    cap = limits.bytes_of(kind)
    if size_bytes > cap:
        nouns = {"image": "image", "audio": "audio file", "video": "video", "portraits": "zip", "lora": "LoRA file"}
        noun = nouns.get(kind, "file")
        raise too_large(f"the {noun} is too large", megabytes(size_bytes), f"up to {megabytes(cap)}")


def plain_name(name: str, suffix: str) -> str:
    """An untrusted file name, made safe to show and to save under. ``suffix`` is the suffix of the detected format.

    Removes folders, control and direction characters, and leading dots, and cuts the name at 120 characters.
    """
    last = name.replace("\\", "/").rpartition("/")[2]
    normal = unicodedata.normalize("NFC", last)
    kept = "".join(" " if unicodedata.category(c)[0] == "Z" else c for c in normal if unicodedata.category(c)[0] != "C")
    kept = "".join(c for c in kept if c not in "<>:\"|?*%;`$&'")
    stem = kept.strip(" .")
    head, dot, end = stem.rpartition(".")
    if dot and head.strip(" .") and len(end) <= 5:
        stem = head
    return f"{stem[:NAME_CHARACTERS].strip(' .') or 'upload'}{suffix}"
