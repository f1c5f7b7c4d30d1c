"""Reads the images and captions of a zip file that a person gave. Nothing is written where the file wants it.

The sizes in a zip's directory can lie, so every limit is checked while the bytes come out.
"""

from __future__ import annotations

import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from nodes.sdk import NodeError

MAX_IMAGES = 500
MAX_ENTRIES = 2000
MAX_IMAGE_MIB = 64
MAX_TOTAL_MIB = 4096
MAX_CAPTION_BYTES = 4096
_MIB = 2**20
_IMAGES = (".jpg", ".jpeg", ".png", ".webp")
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError)


@dataclass(frozen=True)
class GivenImage:
    """An image of the archive, copied out.

    Attributes:
        name: its path in the archive, for people.
        caption: content of the .txt file beside it; "" if there is none.
    """

    name: str
    path: Path
    caption: str


def unpack(archive: Path, folder: Path, most: int = MAX_IMAGES) -> list[GivenImage]:
    """Copy the first ``most`` images, by name, to numbered files in ``folder``. Blocks; up to 4 GiB.

    Raises NodeError: not a zip, damaged, encrypted, names that lead out of the archive, too many or too large files.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            return list(_unpacked(opened, folder, most))
    except _BROKEN as error:
        if isinstance(error, OSError) and error.errno:  # the disk, not the file
            raise
        raise _refused(
            "the training images cannot be read", f"{type(error).__name__}: {error}", "a .zip file"
        ) from error


def _unpacked(opened: zipfile.ZipFile, folder: Path, most: int) -> Iterator[GivenImage]:
    entries = [entry for entry in opened.infolist() if not entry.is_dir()]
    if len(entries) > MAX_ENTRIES:
        raise _refused("the archive has too many files", f"{len(entries)} files", f"up to {MAX_ENTRIES}")
    for entry in entries:
        _check_entry(entry)
    shown = [entry for entry in entries if not _is_hidden(entry.filename)]
    images = sorted((one for one in shown if _suffix(one) in _IMAGES), key=lambda one: one.filename)
    captions = {_stem(entry): entry for entry in shown if _suffix(entry) == ".txt"}
    if not 0 < len(images) <= MAX_IMAGES:
        allowed = f"1 to {MAX_IMAGES} files that end in {', '.join(_IMAGES)}"
        raise _refused("the archive has no images" if not images else "too many images", str(len(images)), allowed)
    total = 0
    for index, entry in enumerate(images[:most]):
        content = _content(opened, entry, MAX_IMAGE_MIB * _MIB)
        total += len(content)
        if total > MAX_TOTAL_MIB * _MIB:
            raise _refused("the images are too large together", f"over {MAX_TOTAL_MIB} MiB", f"{MAX_TOTAL_MIB} MiB")
        path = folder / f"{index:04}{_suffix(entry)}"
        path.write_bytes(content)
        beside = captions.get(_stem(entry))
        text = _content(opened, beside, MAX_CAPTION_BYTES).decode("utf-8", "replace") if beside else ""
        yield GivenImage(entry.filename, path, " ".join(text.split()))


def _check_entry(entry: zipfile.ZipInfo) -> None:
    name = entry.filename
    parts = re.split(r"[/\\]", name)
    if ".." in parts or parts[0] == "" or re.match(r"[A-Za-z]:", name) or "\0" in name:
        raise _refused("a name in the archive leads out of it", name[:200], "relative names without ..")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise _refused("the archive has a symbolic link", name[:200], "files and folders")
    if entry.compress_type not in _PACKED:
        raise _refused("the archive has an unusual compression", name[:200], "stored or deflated files")
    if entry.flag_bits & 0x1:
        raise _refused("the archive is encrypted", name[:200], "an archive without a password")


def _content(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, most: int) -> bytes:
    with opened.open(entry) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise _refused(f"{entry.filename} is too large", f"over {most} bytes", f"up to {most} bytes")
    return content


def _is_hidden(name: str) -> bool:
    """Files that a Mac adds to archives, and hidden ones."""
    return any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(name).parts)


def _suffix(entry: zipfile.ZipInfo) -> str:
    return PurePosixPath(entry.filename).suffix.lower()


def _stem(entry: zipfile.ZipInfo) -> str:
    return str(PurePosixPath(entry.filename).with_suffix(""))


def _refused(message: str, seen: str, allowed: str) -> NodeError:
    remedy = (
        "Put 15 or more sharp portraits (PNG, JPEG or WebP) into one .zip file, with a .txt beside each if you like."
    )
    return NodeError(message, where="input.images", seen=seen, allowed=allowed, remedy=remedy)
