"""Parses a multipart body while it arrives, and writes its files to disk instead of memory."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, BinaryIO

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from schemas.errors import WorkbenchError
from workbench.client.inspection.file_formats import HEAD_BYTES, family_of, format_of
from workbench.client.inspection.limits import Limits
from workbench.client.uploads import UPLOAD_KINDS, check_size

if TYPE_CHECKING:  # exists for type checkers only
    from python_multipart.multipart import MultipartCallbacks

MAX_PARTS = 32
FIELD_BYTES = 1024
KINDS = ("auto", *UPLOAD_KINDS)
_BOUNDARY = re.compile(rb"[0-9A-Za-z'()+_,\-./:=? ]{1,200}")
_CAP_OF = {"media": "video"}  # of a family that is no kind


@dataclass
class ReceivedFile:
    """A received file, stored under a generated name."""

    path: Path
    name: str  # the client's name, for display only, never used as a path
    field: str = "file"
    size_bytes: int = 0


class Form:
    """One multipart body. ``write`` blocks on the disk and raises at the first invalid byte.

    Args:
        content_type: of the request.
        folder: for the files.
        field: the required name of file fields, or several names with one file each.
        files: the largest number of files.
        texts: further fields, with the largest size of each value in bytes.
    """

    def __init__(
        self,
        content_type: str,
        folder: Path,
        limits: Limits,
        field: str | Collection[str] = "file",
        files: int = 1,
        texts: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        self.files: list[ReceivedFile] = []
        self.texts: dict[str, str] = {}
        self.kind = "auto"
        self._folder = folder
        self._limits = limits
        self._fields = {field} if isinstance(field, str) else set(field)
        self._lengths = {"kind": FIELD_BYTES, **texts}
        self._text = ""
        self._most = files
        self._parts = 0
        self._ended = False
        self._headers: dict[bytes, bytes] = {}
        self._header: tuple[bytearray, bytearray] = (bytearray(), bytearray())
        self._file: ReceivedFile | None = None
        self._open: BinaryIO | None = None
        self._head: bytes | None = b""  # until the type is known
        self._value: bytearray | None = None
        self._parser = MultipartParser(_boundary(content_type), self._callbacks())

    @property
    def current_name(self) -> str:
        """The client's name of the last file that started."""
        return self.files[-1].name if self.files else ""

    def write(self, data: bytes) -> None:
        """Parse the next bytes. Raises WorkbenchError (request.invalid, upload.*) and OSError of the disk."""
        try:
            self._parser.write(data)
        except FormParserError as fault:
            raise _malformed(str(fault)) from fault

    def finish(self) -> None:
        """End the body. Raises WorkbenchError (request.invalid) if it is truncated or contains no file."""
        if not self._ended:
            raise _malformed("the body ends before its last boundary")
        if not self.files:
            raise _malformed("no file", allowed=self._wanted())

    def close(self) -> None:
        """Close the open file. The caller removes the folder."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._on_part_begin,
            "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers_finished,
            "on_part_data": self._on_part_data,
            "on_part_end": self._on_part_end,
            "on_end": self._on_end,
        }

    def _on_part_begin(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise _malformed(f"more than {MAX_PARTS} parts")
        self._headers = {}
        self._header = (bytearray(), bytearray())

    def _on_header_end(self) -> None:
        name, value = self._header
        self._headers[bytes(name).lower()] = bytes(value)
        self._header = (bytearray(), bytearray())

    def _on_headers_finished(self) -> None:
        disposition, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        name = options.get(b"name", b"").decode(errors="replace")
        if disposition != b"form-data" or not name:
            raise _malformed("a part without a name", allowed="Content-Disposition: form-data; name=…")
        if self._headers.get(b"content-transfer-encoding", b"binary").lower() not in (b"binary", b"8bit", b"7bit"):
            raise _malformed("a part with an unsupported transfer encoding", allowed="binary")
        if b"filename" in options:
            self._begin_file(name, options[b"filename"].decode(errors="replace"))
        elif name in self._lengths:
            self._text, self._value = name, bytearray()
        else:
            raise _malformed(f"a field named {name[:80]!r}", allowed=[*self._lengths, *self._wanted()])

    def _begin_file(self, field: str, name: str) -> None:
        if field not in self._fields:
            raise _malformed(f"a file named {field[:80]!r}", allowed=self._wanted())
        if len(self._fields) > 1 and field in {file.field for file in self.files}:
            raise _malformed(f"two files named {field[:80]!r}", allowed="one")
        if len(self.files) >= self._most:
            raise _malformed(f"more than {self._most} files", allowed=self._most)
        self._file = ReceivedFile(self._folder / f"{len(self.files)}.part", name, field)
        self._open = self._file.path.open("xb")
        self._head = b""
        self.files.append(self._file)

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._value is not None:
            self._value += data[start:end]
            if len(self._value) > self._lengths[self._text]:
                raise _malformed(f"a field of more than {self._lengths[self._text]} bytes", where=self._text)
        elif self._file is not None and self._open is not None:
            self._file.size_bytes += end - start
            if self._head is not None:
                self._head += data[start : min(end, start + HEAD_BYTES)]
                if len(self._head) >= HEAD_BYTES:
                    self._detect_type()
            check_size(self._file.size_bytes, self._cap, self._limits)
            self._open.write(memoryview(data)[start:end])

    def _on_part_end(self) -> None:
        if self._value is not None:
            text, self._value = bytes(self._value).decode(errors="replace"), None
            if self._text != "kind":
                self.texts[self._text] = text
                return
            self.kind = text
            if self.kind not in KINDS:
                raise _malformed(f"kind {self.kind[:80]!r}", where="kind", allowed=list(KINDS))
        elif self._file is not None:
            if self._head is not None:
                self._detect_type()
            self.close()
            self._file = None

    def _wanted(self) -> list[str]:
        return [f"{field} with a filename" for field in sorted(self._fields)]

    def _on_end(self) -> None:
        self._ended = True

    _cap = "auto"

    def _detect_type(self) -> None:
        """Detect the type from the first bytes, so that a refusal does not have to wait for the last megabyte."""
        assert self._head is not None
        family = family_of(format_of(self._head[:HEAD_BYTES]))
        self._cap = self.kind if self.kind != "auto" else _CAP_OF.get(family, family)
        self._head = None


def _boundary(content_type: str) -> bytes:
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data":
        raise WorkbenchError(
            "request.invalid",
            "the body is not a multipart form",
            where="Content-Type",
            seen=content_type[:200],
            allowed="multipart/form-data; boundary=…",
            remedy="Send the file as multipart/form-data.",
        )
    boundary = options.get(b"boundary", b"")
    if not _BOUNDARY.fullmatch(boundary):
        raise _malformed("no usable boundary", where="Content-Type", allowed="multipart/form-data; boundary=…")
    return boundary


def _malformed(seen: str, where: str = "body", allowed: object = None) -> WorkbenchError:
    return WorkbenchError(
        "request.invalid",
        "the form is not valid",
        where=where,
        seen=seen,
        allowed=allowed,
        remedy="Send multipart/form-data as described in /docs.",
    )
