"""A file that is being downloaded in ranges, with a note of the bytes that are there. It survives a kill at any moment.

The bytes are on the disk before the note says so: a note that is too old costs some bytes, never a wrong file.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

NOTE_S, NOTE_BYTES = 1.0, 64 * 2**20  # between two notes; a kill loses at most what comes between
READ_BYTES = 2**20
Span = tuple[int, int]  # first byte, and the one after the last
Piece = tuple[int, int | None]  # the same; None: to the end, wherever that is


class _Note(BaseModel):
    model_config = ConfigDict(extra="forbid")

    size: int | None = None
    validator: str = ""
    spans: list[Span] = []
    sha256: str = ""  # of the whole file, if it was `changed_ns` when that was computed
    changed_ns: int = 0


@dataclass
class _Hash:
    digest: Any = field(default_factory=hashlib.sha256)
    done: int = 0


class PartialFile:
    """Used by one process at a time (the model's lock). `hash_ahead` can run in a thread beside the rest.

    Attributes:
        size: bytes of the whole file, once known.
        validator: the server's name for this version of the file (ETag or time of change), for ``If-Range``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._note_path = note_path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        note = self._read_note()
        if not note.spans:
            path.unlink(missing_ok=True)  # it may be a link to a file of a mirror, which is not ours to write
        self.size = note.size
        self.validator = note.validator
        self._spans = note.spans
        self._sha256 = note.sha256
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        self._since_note = 0
        self._noted_at = time.monotonic()
        self._hash = _Hash()
        self._open = threading.Lock()  # held while the file is read for the digest, restarted or closed
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """A digest that is being computed in a thread stops."""
        with self._open:
            self._closed = True
            try:
                if self._since_note:
                    self.note()
            finally:
                os.close(self._file)

    @property
    def bytes_here(self) -> int:
        return sum(end - start for start, end in self._spans)

    @property
    def whole(self) -> bool:
        return self.size is not None and self.bytes_here == self.size

    def missing(self, at_most: int, after: int = 0) -> list[Piece]:
        """What to ask for behind a byte, in pieces of at most so many bytes; the last is open while the size is
        unknown."""
        ends = [*self._spans, (self.size, self.size)] if self.size is not None else self._spans
        pieces: list[Piece] = []
        at = after
        for start, end in ends:
            pieces += [(first, min(first + at_most, start)) for first in range(at, start, at_most)]
            at = max(at, end)
        return [*pieces, (at, None)] if self.size is None else pieces

    def write(self, at: int, data: bytes) -> None:
        """Add bytes. Blocks for the write, and now and then for the disk. Raises OSError."""
        view = memoryview(data)
        done = 0
        while done < len(view):
            done += os.pwrite(self._file, view[done:], at + done)
        self._spans = _with(self._spans, (at, at + len(data)))
        self._since_note += len(data)
        if self._since_note >= NOTE_BYTES or time.monotonic() - self._noted_at >= NOTE_S:
            self.note()

    def note(self) -> None:
        """Write down what is here, after the bytes themselves."""
        os.fsync(self._file)
        self._since_note, self._noted_at = 0, time.monotonic()
        note = _Note(size=self.size, validator=self.validator, spans=self._spans, sha256=self._sha256)
        note.changed_ns = os.fstat(self._file).st_mtime_ns
        new = self._note_path.with_suffix(".new")
        new.write_text(note.model_dump_json())
        new.replace(self._note_path)

    def restart(self) -> None:
        """Forget everything: the file at the server is another one."""
        with self._open:
            self.size, self.validator, self._spans, self._sha256 = None, "", [], ""
            self._hash = _Hash()
            os.ftruncate(self._file, 0)
            self.note()

    def hash_ahead(self) -> None:
        """Take the bytes from the start that are here into the digest. Blocks; one call at a time."""
        hashed = self._hash
        end = self._spans[0][1] if self._spans and self._spans[0][0] == 0 else 0
        while hashed.done < end:
            with self._open:
                if self._closed or hashed is not self._hash:
                    return
                data = os.pread(self._file, min(READ_BYTES, end - hashed.done), hashed.done)
            if not data:
                raise OSError(f"{self.path} is shorter than what was written")
            hashed.digest.update(data)
            hashed.done += len(data)

    def finish(self) -> str:
        """SHA-256 of the whole file, noted for the next time. Blocks; reads what `hash_ahead` has not read.

        Raises OSError if the file was closed meanwhile.
        """
        if not self._sha256:
            hashed = self._hash
            self.hash_ahead()
            with self._open:
                if self._closed or hashed is not self._hash or hashed.done != self.size:
                    raise OSError(f"{self.path} was closed before its digest was known")
                self._sha256 = hashed.digest.hexdigest()
                self.note()
        return self._sha256

    def _read_note(self) -> _Note:
        try:
            note = _Note.model_validate_json(self._note_path.read_bytes())
            status = self.path.stat()
        except (OSError, ValidationError):
            return _Note()
        if any(end > status.st_size for _, end in note.spans):
            return _Note()
        if status.st_mtime_ns != note.changed_ns:
            note.sha256 = ""
        return note


def note_path(path: Path) -> Path:
    """The note beside a file."""
    return path.with_name(f".{path.name}.ranges")


def remove(path: Path) -> None:
    """Remove a file and its note."""
    for one in (path, note_path(path), note_path(path).with_suffix(".new")):
        one.unlink(missing_ok=True)


def bytes_here(path: Path) -> int:
    """How many bytes of a file were downloaded, without opening it for writing."""
    try:
        return sum(end - start for start, end in _Note.model_validate_json(note_path(path).read_bytes()).spans)
    except (OSError, ValidationError):
        return 0


def _with(spans: list[Span], added: Span) -> list[Span]:
    """Spans in order, without overlaps and without two that touch."""
    merged: list[Span] = []
    for start, end in sorted([*spans, added]):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        elif start < end:
            merged.append((start, end))
    return merged
