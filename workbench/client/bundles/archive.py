"""Reads the zip of a bundle without trusting it: what it may contain is checked before anything is unpacked.

A bundle stores its files without compression. So no file can become larger than the zip, and a file of the zip that is
compressed, overlaps another one or says another size is refused instead of unpacked.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from pydantic import ValidationError

from schemas.bundle import FORMAT, VERSION, BundledFile, BundleManifest, BundleSignature
from schemas.errors import WorkbenchError

MANIFEST, SIGNATURE = "manifest.json", "signature.json"
MAX_FILES = 20_000
MAX_BYTES = 200 * 2**30
MAX_DOCUMENT = 64 * 2**20  # of a JSON file of the bundle
CHUNK = 1 << 20


class Archive:
    """An open bundle. ``open_archive`` makes it, after the names, kinds and sizes of its files were checked."""

    def __init__(self, file: Path, opened: zipfile.ZipFile) -> None:
        self.file = file
        self._zip = opened
        self._entries = {entry.filename: entry for entry in opened.infolist()}

    @property
    def names(self) -> set[str]:
        return set(self._entries)

    def size(self, path: str) -> int:
        return self._entries[path].file_size

    def document(self, path: str) -> bytes:
        """The bytes of a JSON file. Raises WorkbenchError: bundle.altered, bundle.too_large."""
        if path not in self._entries:
            raise altered(self.file, f"{path} is missing")
        if self._entries[path].file_size > MAX_DOCUMENT:
            raise too_large(self.file, f"{path}: {self._entries[path].file_size:,} bytes", f"{MAX_DOCUMENT:,} bytes")
        return b"".join(self.chunks(path))

    def chunks(self, path: str) -> Iterator[bytes]:
        """The bytes of a file, piece by piece, at most as many as its entry says. Raises WorkbenchError."""
        left = self._entries[path].file_size
        try:
            with self._zip.open(self._entries[path]) as source:
                while chunk := source.read(CHUNK):
                    left -= len(chunk)
                    if left < 0:
                        raise altered(self.file, f"{path} is larger than it says")
                    yield chunk
        except (zipfile.BadZipFile, EOFError, OSError, ValueError, NotImplementedError, RuntimeError) as error:
            raise altered(self.file, f"{path}: {error}") from None
        if left:
            raise altered(self.file, f"{path} is shorter than it says")

    def check(self, wanted: BundledFile) -> None:
        """Raises WorkbenchError (bundle.altered) unless the file has the size and digest of the manifest."""
        if wanted.path not in self._entries:
            raise altered(self.file, f"{wanted.path} is missing")
        if self.size(wanted.path) != wanted.size_bytes:
            raise altered(self.file, f"{wanted.path} has {self.size(wanted.path):,} bytes", f"{wanted.size_bytes:,}")
        digest = hashlib.sha256()
        for chunk in self.chunks(wanted.path):
            digest.update(chunk)
        if digest.hexdigest() != wanted.sha256:
            raise altered(self.file, f"{wanted.path}: SHA-256 {digest.hexdigest()}", wanted.sha256)

    def unpack(self, path: str, target: Path) -> None:
        """Write a file of the bundle to ``target``."""
        with target.open("xb") as file:
            for chunk in self.chunks(path):
                file.write(chunk)


@contextmanager
def open_archive(file: Path) -> Iterator[Archive]:
    """The bundle, if its zip is one that an export can have written.

    Raises WorkbenchError: bundle.unreadable, bundle.too_large, node.bad_input if there is no such file.
    """
    try:
        size = file.stat().st_size
        opened = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise unreadable(file, str(error), "a zip that `workbench bundle export` wrote") from None
    with opened:
        entries = opened.infolist()
        if len(entries) > MAX_FILES:
            raise too_large(file, f"{len(entries):,} files", f"{MAX_FILES:,} files")
        names = set[str]()
        for entry in entries:
            _check_entry(file, entry)
            folded = entry.filename.casefold()
            if folded in names:
                raise unreadable(file, f"two files are called {shown(entry.filename)}", "each name once")
            names.add(folded)
        declared = sum(entry.file_size for entry in entries)
        if declared > min(size, MAX_BYTES):  # entries that overlap, or sizes that are not true
            raise too_large(file, f"files of {declared:,} bytes in a zip of {size:,} bytes", f"at most {MAX_BYTES:,}")
        yield Archive(file, opened)


def _check_entry(file: Path, entry: zipfile.ZipInfo) -> None:
    name, path = entry.filename, PurePosixPath(entry.filename)
    # zipfile cuts a name at a NUL and turns backslashes into slashes on Windows, so the name as stored counts.
    stored = entry.orig_filename
    plain = stored == name and "\\" not in name and ":" not in name and name.isprintable() and len(name) <= 300
    if not plain or path.is_absolute() or ".." in path.parts or str(path) != name or name in (".", ""):
        raise unreadable(file, f"a file called {shown(stored)}", "a relative path below the bundle")
    mode = entry.external_attr >> 16
    if mode & 0o170000 not in (0, 0o100000):
        raise unreadable(file, f"{shown(name)} is a link or a device", "plain files")
    if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size or entry.flag_bits & 1:
        raise unreadable(file, f"{shown(name)} is compressed or encrypted", "files stored as they are")


def read_manifest(archive: Archive) -> tuple[BundleManifest, bytes, BundleSignature]:
    """The manifest, its bytes, and its signature, which is not verified here.

    Raises WorkbenchError: bundle.unreadable, bundle.unknown_version, bundle.signature.
    """
    if MANIFEST not in archive.names:
        raise unreadable(archive.file, "no manifest.json", "a zip that `workbench bundle export` wrote")
    content = archive.document(MANIFEST)
    _check_version(archive.file, content)
    try:
        manifest = BundleManifest.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise unreadable(archive.file, f"manifest.json: {where}: {first['msg']}", "a manifest of version 1") from None
    if SIGNATURE not in archive.names:
        raise WorkbenchError(
            "bundle.signature",
            "the bundle has no signature",
            where=str(archive.file),
            remedy="Nothing was imported. Get the bundle again from whoever exported it.",
        )
    try:
        signature = BundleSignature.model_validate_json(archive.document(SIGNATURE))
    except ValidationError:
        raise unreadable(archive.file, "signature.json is not one", "a signature of version 1") from None
    return manifest, content, signature


def _check_version(file: Path, content: bytes) -> None:
    import orjson

    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise unreadable(file, "manifest.json is not JSON", "a manifest of version 1") from None
    kind, version = (found.get("format"), found.get("version")) if isinstance(found, dict) else (None, None)
    if kind != FORMAT:
        raise unreadable(file, f"manifest.json with format {shown(str(kind))}", FORMAT)
    if version != VERSION or isinstance(version, bool):
        raise WorkbenchError(
            "bundle.unknown_version",
            f"the bundle has version {shown(str(version))}",
            where=str(file),
            seen=str(version)[:40],
            allowed=VERSION,
            remedy="Import it with the version of the workbench that wrote it, or a newer one.",
        )


def shown(name: str) -> str:
    """A name from outside, short and without control characters."""
    return repr(name if len(name) <= 80 else f"{name[:79]}…")


def altered(file: Path, seen: str, allowed: str = "") -> WorkbenchError:
    return WorkbenchError(
        "bundle.altered",
        "the bundle differs from its manifest",
        where=str(file),
        seen=seen,
        allowed=allowed or "the files and digests of manifest.json",
        remedy="Nothing was imported. Get the bundle again from whoever exported it.",
    )


def unreadable(file: Path, seen: str, allowed: str) -> WorkbenchError:
    return WorkbenchError(
        "bundle.unreadable",
        "the file is not a bundle",
        where=str(file),
        seen=seen,
        allowed=allowed,
        remedy="Nothing was imported. Give a file that `workbench bundle export` wrote.",
    )


def too_large(file: Path, seen: str, allowed: str) -> WorkbenchError:
    return WorkbenchError(
        "bundle.too_large",
        "the bundle is larger than it may be",
        where=str(file),
        seen=seen,
        allowed=allowed,
        remedy="Nothing was imported. Export fewer runs, or leave the media out: --without-media.",
    )
