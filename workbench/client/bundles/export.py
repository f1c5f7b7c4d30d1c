"""Writes a bundle: stored bytes under their digests, with a signed manifest. Equal runs give equal bundles."""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
from pathlib import Path
from typing import IO

from schemas.bundle import BundledFile, BundleManifest
from schemas.errors import WorkbenchError
from workbench.client.access import LOCAL, User
from workbench.client.bundles import contents
from workbench.client.bundles.archive import CHUNK, MANIFEST, MAX_BYTES, MAX_FILES, SIGNATURE, too_large
from workbench.client.bundles.crate import METADATA, crate
from workbench.client.bundles.sealing import seal
from workbench.client.delivery.issuer import issuer
from workbench.client.delivery.manifest import program_version
from workbench.client.deployment import Deployment
from workbench.store.files import written

JSON_TYPE, TEXT_TYPE = "application/json", "text/markdown"


def export(
    deployment: Deployment, name: str, target: Path, *, without_media: bool = False, user: User = LOCAL
) -> BundleManifest:
    """Write a bundle of a job, an MLflow run or a sweep. ``target`` is never half-written. Blocks.

    Args:
        without_media: leave out the bytes of media, zips and weights; the bundle still names them by digest.

    Raises WorkbenchError: bundle.*, store.*, settings.invalid, home.*
    """
    records, sweep = contents.runs_named(deployment, user, name)
    by, refs = issuer(deployment.settings), contents.artifacts_of(records)
    kept = {sha256: ref for sha256, ref in refs.items() if not (without_media and contents.is_media(ref))}
    local = {}
    for sha256, ref in kept.items():
        try:
            local[sha256] = deployment.open(ref)
        except WorkbenchError as error:
            if not error.code.startswith("store."):
                raise
            raise WorkbenchError(
                "bundle.incomplete",
                f"a file of the run is lost: {error.message}",
                where=sha256,
                seen=error.code,
                remedy=error.remedy or "Run the job again, or leave the media out: --without-media.",
            ) from error
    artifacts = {
        sha256: contents.described(
            ref, local[sha256].stat().st_size if sha256 in local else None, _path(sha256) if sha256 in local else None
        )
        for sha256, ref in refs.items()
    }
    title = f"Sweep {sweep}" if sweep else f"{records[0].pipeline or records[0].graph.workflow_id} {records[0].id}"
    documents: dict[str, tuple[str, bytes]] = {}
    for record in records:
        documents[f"jobs/{record.id}/graph.json"] = JSON_TYPE, contents.graph_document(record)
        documents[f"jobs/{record.id}/job.json"] = JSON_TYPE, contents.job_document(deployment, record, kept)
    text, licences = contents.licences(records)
    documents["LICENCES.md"] = TEXT_TYPE, text
    sizes = {path: (kind, len(content)) for path, (kind, content) in documents.items()}
    documents[METADATA] = JSON_TYPE, crate(title, records, artifacts, sizes, licences)
    plain = {path: content for path, (_, content) in sorted(documents.items())}
    manifest = BundleManifest(
        title=title,
        workbench=program_version(),
        sweep=sweep,
        jobs=[record.id for record in records],
        artifacts=list(artifacts.values()),
        files=[
            *(BundledFile(path=path, sha256=_sha256(content), size_bytes=len(content)) for path, content in
              plain.items()),
            *(BundledFile(path=_path(sha256), sha256=sha256, size_bytes=artifacts[sha256].size_bytes or 0)
              for sha256 in local),
        ],
    )  # fmt: skip
    if len(manifest.files) + 2 > MAX_FILES or sum(one.size_bytes for one in manifest.files) > MAX_BYTES:
        raise too_large(target, f"{len(manifest.files):,} files", f"{MAX_FILES:,} files of {MAX_BYTES:,} bytes")
    signed = manifest.model_dump_json(by_alias=True, indent=2).encode()
    front = {MANIFEST: signed, SIGNATURE: seal(signed, by).to_json(), **plain}
    with written(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        _write(target, front, local)
    return manifest


def _write(target: Path, documents: dict[str, bytes], files: dict[str, Path]) -> None:
    """The zip, in one step: written beside the target, synchronised, renamed."""
    handle, staging = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:60]}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as bundle:
                for path, content in documents.items():
                    bundle.writestr(_entry(path, len(content)), content)
                for sha256, source in files.items():
                    with (
                        source.open("rb") as stream,
                        bundle.open(_entry(_path(sha256), source.stat().st_size), "w") as entry,
                    ):
                        _copy(stream, entry, sha256)
            file.flush()
            os.fsync(file.fileno())
        Path(staging).replace(target)
    except BaseException:
        Path(staging).unlink()
        raise


def _copy(stream: IO[bytes], entry: IO[bytes], sha256: str) -> None:
    """Copy by pieces. Raises WorkbenchError (store.corrupt) if the bytes are not those of the digest."""
    digest = hashlib.sha256()
    while chunk := stream.read(CHUNK):
        digest.update(chunk)
        entry.write(chunk)
    if digest.hexdigest() != sha256:
        raise WorkbenchError(
            "store.corrupt",
            "a cached file changed while it was exported",
            where=sha256,
            seen=digest.hexdigest(),
            remedy="Export again: the file is then fetched from the object store.",
        )


def _entry(path: str, size: int) -> zipfile.ZipInfo:
    """An entry that says nothing of this machine: a fixed time, plain permissions."""
    entry = zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0))
    entry.create_system, entry.external_attr, entry.file_size = 3, 0o100644 << 16, size
    return entry


def _path(sha256: str) -> str:
    return f"artifacts/{sha256}"


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
