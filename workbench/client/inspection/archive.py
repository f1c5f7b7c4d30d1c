"""Inspects zips of portraits: every image is decoded and encoded again like a single one. Inspection process only.

The sizes in a zip's directory can lie, so every limit is checked while the bytes come out. Nothing is unpacked to the
disk, and the stored zip has names of our own.
"""

from __future__ import annotations

import io
import re
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

from nodes.train._portraits import GOOD_IMAGES, LEAST_IMAGES, SAME_BITS, difference_hash
from schemas.errors import WorkbenchError
from schemas.refs import ZIP
from schemas.upload import ArchiveImage, UploadWarning
from workbench.client.inspection.faces import find_faces
from workbench.client.inspection.file_formats import HEAD_BYTES, family_of, format_of
from workbench.client.inspection.image import flat, read_upright, turned, write_image
from workbench.client.inspection.limits import MAX_ARCHIVE_ENTRIES, MAX_ARCHIVE_IMAGES, MAX_CAPTION_BYTES, Limits
from workbench.client.inspection.upload_errors import hint, megabytes, refused, too_large, unreadable

_SEARCH_PX = 1024  # longer side of the copy in which faces are counted
_NAMED = 5  # images that a warning names
_WRITTEN = (1980, 1, 1, 0, 0, 0)  # the same images give the same bytes
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)
_WHAT = "a zip of portraits (PNG, JPEG, WebP, AVIF, TIFF or BMP), each with a .txt caption beside it or without"
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@dataclass(frozen=True)
class _Kept:
    """An image as it is stored, and what was seen in it."""

    facts: ArchiveImage
    view: str  # difference hash
    hints: tuple[UploadWarning, ...]

    @property
    def given(self) -> str:
        return self.facts.given


def inspect_archive(path: Path, out: Path, limits: Limits) -> dict[str, Any]:
    """The facts and warnings of a zip. A new zip with the images and captions is written to ``out``.

    Images are numbered in the order of their names: ``0001.jpg`` or ``0001.png`` with ``0001.txt``, which is UTF-8.
    Folders are dropped, and so are hidden files and those that a Mac adds. Raises WorkbenchError: upload.*.
    """
    try:
        with zipfile.ZipFile(path) as given, zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as stored:
            kept = _copied(given, stored, limits)
    except _BROKEN as fault:
        raise unreadable("the zip is damaged", f"{type(fault).__name__}: {fault}") from fault
    return {
        "kind": "portraits",
        "media_type": ZIP,
        "suffix": ".zip",
        "facts": {"format": "zip", "images": [one.facts.model_dump(mode="json") for one in kept]},
        "faces": [],
        "warnings": [one.model_dump(mode="json") for one in _warnings(kept)],
    }


def _copied(given: zipfile.ZipFile, stored: zipfile.ZipFile, limits: Limits) -> list[_Kept]:
    entries = [entry for entry in given.infolist() if not entry.is_dir()]
    if len(entries) > MAX_ARCHIVE_ENTRIES:
        raise too_large("the zip has too many files", f"{len(entries)} files", f"up to {MAX_ARCHIVE_ENTRIES}")
    for entry in entries:
        _check_entry(entry)
    shown = sorted((entry for entry in entries if not _is_hidden(entry.filename)), key=lambda one: one.filename)
    captions = {_stem(entry): entry for entry in shown if _is_caption(entry)}
    images = [entry for entry in shown if not _is_caption(entry)]
    if not any(_begins_like_an_image(given, entry) for entry in images):  # such as a document or a program
        raise refused("a ZIP archive without images", "Put the portraits into one zip.", _WHAT)
    if len(images) > MAX_ARCHIVE_IMAGES:
        raise too_large("the zip has too many images", f"{len(images)} images", f"up to {MAX_ARCHIVE_IMAGES}")
    kept: list[_Kept] = []
    left = limits.archive_bytes
    for number, entry in enumerate(images, 1):
        content = _content(given, entry, min(limits.image_bytes, left))
        left -= len(content)
        text = _caption(given, captions.get(_stem(entry)))
        kept.append(_store(stored, f"{number:04}", entry.filename, content, text))
    return kept


def _store(stored: zipfile.ZipFile, stem: str, given: str, content: bytes, caption: str) -> _Kept:
    """Decode an image, and write it and its caption to the new zip."""
    try:
        format_name = format_of(content[:HEAD_BYTES])
        if family_of(format_name) != "image":
            raise refused(f"a file of the type {format_name}")
        image, _ = read_upright(io.BytesIO(content), format_name)
    except WorkbenchError as error:
        what = f"the ZIP archive contains {_shown(given)}: {error.message}"
        raise WorkbenchError(
            error.code, what, where="file", seen=error.seen, allowed=_WHAT, remedy="Remove or replace it in the zip."
        ) from error
    small = flat(image)
    small.thumbnail((_SEARCH_PX, _SEARCH_PX), Image.Resampling.BOX)
    faces, hints, turns = find_faces(small)
    image = turned(image, turns)
    encoded = io.BytesIO()
    kind = write_image(image, format_name, encoded)
    name = f"{stem}.{'jpg' if kind == 'jpeg' else 'png'}"
    stored.writestr(zipfile.ZipInfo(name, _WRITTEN), encoded.getvalue())
    if caption:
        stored.writestr(zipfile.ZipInfo(f"{stem}.txt", _WRITTEN), caption.encode())
    facts = ArchiveImage(
        name=name,
        given=_shown(given),
        width=image.width,
        height=image.height,
        faces=None if any(one.code == "face.unchecked" for one in hints) else len(faces),
        caption=bool(caption),
    )
    return _Kept(facts, difference_hash(np.asarray(turned(small, turns))), tuple(hints))


def _check_entry(entry: zipfile.ZipInfo) -> None:
    name = entry.filename
    parts = re.split(r"[/\\]", name)
    if ".." in parts or parts[0] == "" or re.match(r"[A-Za-z]:", name):
        raise refused("a ZIP archive with a name that leads out of it", "Pack the portraits again.", f"not {name[:99]}")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise refused("a ZIP archive with a symbolic link", f"Pack the file itself instead of {_shown(name)}.", _WHAT)
    if entry.flag_bits & 0x1:
        raise refused("an encrypted ZIP archive", "Pack the portraits without a password.", _WHAT)
    if entry.compress_type not in _PACKED:
        raise refused("a ZIP archive with an unusual compression", "Pack it as an ordinary zip.", "stored or deflated")


def _content(given: zipfile.ZipFile, entry: zipfile.ZipInfo, most: int) -> bytes:
    with given.open(entry) as file:
        content = file.read(most + 1)
    if len(content) > most:
        what = f"a file in the zip is too large unpacked: {_shown(entry.filename)}"
        raise too_large(what, f"over {megabytes(most)}", f"up to {megabytes(most)}", "Use smaller or fewer images.")
    return content


def _begins_like_an_image(given: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bool:
    with given.open(entry) as file:
        try:
            return family_of(format_of(file.read(HEAD_BYTES))) == "image"
        except WorkbenchError:
            return False


def _caption(given: zipfile.ZipFile, entry: zipfile.ZipInfo | None) -> str:
    """The words of a caption in one line; "" if there is none."""
    if entry is None:
        return ""
    content = _content(given, entry, MAX_CAPTION_BYTES)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise refused(
            f"a caption that is not UTF-8 text ({_shown(entry.filename)})", "Save it as UTF-8.", "UTF-8 text"
        ) from fault
    words = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in text)
    return " ".join(words.split())


def _warnings(kept: Sequence[_Kept]) -> list[UploadWarning]:
    found = []
    if len(kept) < GOOD_IMAGES:
        few = f"{len(kept)} image{'s are' if len(kept) > 1 else ' is'}"
        enough = len(kept) >= LEAST_IMAGES
        found.append(
            hint(
                "portraits.few",
                f"{few} {'few' if enough else 'too few'} for a training.",
                f"Use {GOOD_IMAGES} or more different ones; {LEAST_IMAGES} at least.",
                level="warning" if enough else "error",
            )
        )
    unchecked = next((one for of in kept for one in of.hints if one.code == "face.unchecked"), None)
    if unchecked is not None:
        found.append(unchecked)
    without = [one.given for one in kept if one.facts.faces == 0]
    if without:
        found.append(
            hint("portraits.no_face", f"No face was found in {_list(without)}.", "A training leaves them out.")
        )
    several = [one.given for one in kept if (one.facts.faces or 0) > 1]
    if several:
        remedy = "Crop them to the one person that is to be learned."
        found.append(hint("portraits.several", f"There are several faces in {_list(several)}.", remedy))
    same = [
        f"{one.given} like {kept[first].given}"
        for index, one in enumerate(kept)
        if (first := _first_same(kept, index)) is not None
    ]
    if same:
        found.append(hint("portraits.duplicate", f"Some images show the same: {_list(same)}.", "Replace the copies."))
    return found


def _first_same(kept: Sequence[_Kept], index: int) -> int | None:
    """The first earlier image that shows the same as this one."""
    view = int(kept[index].view, 16)
    return next((n for n in range(index) if (int(kept[n].view, 16) ^ view).bit_count() <= SAME_BITS), None)


def _list(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _shown(name: str) -> str:
    """A name from the zip, for people."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(char for char in last if unicodedata.category(char)[0] != "C")[:80] or "a file"


def _is_hidden(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return any(part.startswith(".") or part == "__MACOSX" for part in parts) or parts[-1:] in (
        ("Thumbs.db",),
        ("desktop.ini",),
    )


def _is_caption(entry: zipfile.ZipInfo) -> bool:
    return entry.filename.lower().endswith(".txt")


def _stem(entry: zipfile.ZipInfo) -> str:
    return str(PurePosixPath(entry.filename).with_suffix(""))
