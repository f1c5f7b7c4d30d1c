"""Writes and reads signed C2PA manifests in media files, by the library ``c2pa-python``.

Source: C2PA technical specification 2.x, https://spec.c2pa.org; the library wraps c2pa-rs (MIT or Apache-2.0).
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import orjson

from schemas.errors import WorkbenchError
from workbench.client.delivery.issuer import Issuer

# The formats that jobs make and a manifest fits into. Matroska, WebM and Ogg have no place for one.
SIGNED_TYPES = frozenset(
    ("video/mp4", "video/quicktime", "image/png", "image/jpeg", "image/webp", "image/gif", "image/tiff")
) | frozenset(("audio/wav", "audio/x-wav", "audio/mpeg", "audio/flac", "audio/mp4"))
# A thumbnail would add a megabyte and a second copy of a face. Nothing is fetched from an address in a file.
_SETTINGS: dict[str, Any] = {
    "builder": {"thumbnail": {"enabled": False}},
    "verify": {"verify_trust": True, "remote_manifest_fetch": False, "ocsp_fetch": False},
}


def library() -> ModuleType:
    """The library. Raises WorkbenchError (delivery.no_library) if it is missing or does not load on this system."""
    try:
        import c2pa  # loads a native library of 40 MB: 50 ms
    except (ImportError, OSError, RuntimeError) as error:
        raise WorkbenchError(
            "delivery.no_library",
            "the library that signs and verifies files is not available",
            where="c2pa-python",
            seen=str(error),
            remedy="Install c2pa-python. It has packages for Linux (x86-64 and ARM, glibc 2.28) and for macOS.",
        ) from error
    module: ModuleType = c2pa
    return module


def write_signed(source: Path, target: Path, media_type: str, manifest: dict[str, Any], issuer: Issuer) -> None:
    """Copy a file with a signed manifest. Blocks: 10 ms, and the time to read and write the file.

    Raises WorkbenchError: delivery.no_library; delivery.not_signed if the file cannot carry a manifest.
    """
    c2pa = library()
    described = c2pa.C2paSignerInfo(issuer.algorithm.encode(), issuer.chain.encode(), issuer.key, None)
    try:
        with (
            c2pa.Context(c2pa.Settings.from_dict(_SETTINGS)) as context,
            c2pa.Signer.from_info(described) as signer,
            c2pa.Builder(manifest, context) as builder,
            source.open("rb") as before,
            target.open("w+b") as after,
        ):
            builder.sign(signer, media_type, before, after)
    except c2pa.C2paError as error:
        raise WorkbenchError(
            "delivery.not_signed",
            "the file could not be signed",
            where=source.name,
            seen=str(error),
            remedy="If the key and the certificate are given by settings, check that the certificate is one for C2PA.",
        ) from error


def read_manifests(file: Path, trusted: str) -> dict[str, Any] | None:
    """What the library reports about the manifests of a file: JSON with ``manifests``, ``validation_state``, …

    None if the file has none, or is of a kind that cannot have one. Blocks; reads the whole file.

    Args:
        trusted: PEM of certificates that count as known issuers.

    Raises WorkbenchError: delivery.no_library; delivery.unreadable if the file is damaged.
    """
    c2pa = library()
    trust = {"trust": {"trust_anchors": trusted, "allowed_list": trusted}} if trusted else {}
    try:
        with (
            c2pa.Context(c2pa.Settings.from_dict({**_SETTINGS, **trust})) as context,
            file.open("rb") as stream,
            c2pa.Reader(stream, context=context) as reader,
        ):
            found: dict[str, Any] = orjson.loads(reader.json())
    except (c2pa.C2paError.ManifestNotFound, c2pa.C2paError.NotSupported):
        return None
    except c2pa.C2paError as error:
        raise WorkbenchError(
            "delivery.unreadable",
            "the file cannot be verified, because it is damaged",
            where=str(file),
            seen=str(error),
            remedy="Get an undamaged copy of the file.",
        ) from error
    return found
