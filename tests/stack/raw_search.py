"""Searches the raw files of a home for bytes, as an attacker with access to the disk could."""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_SHORTEST = 4  # bytes; shorter sequences occur everywhere


@dataclass(frozen=True)
class Trace:
    """A match: file relative to the home, byte offset of the first occurrence, and the needle."""

    file: str
    offset: int
    needle: bytes


def digest_needles(digest: str) -> list[bytes]:
    """Bytes that reveal a SHA-256 in a file: its hex form, and its first eight bytes for the binary form."""
    return [digest.encode(), bytes.fromhex(digest)[:8]]


def raw_traces(home: Path, needles: Iterable[bytes]) -> list[Trace]:
    """All files below ``home`` whose contents or name contain one of ``needles``; one trace per needle.

    Compressed files are searched as they are. Files that are removed meanwhile are skipped. Blocks: about 1 GB/s.
    """
    sought = [needle for needle in needles if len(needle) >= _SHORTEST]
    return [trace for path in sorted(home.rglob("*")) for trace in _in_file(home, path, sought)]


def _in_file(home: Path, path: Path, needles: list[bytes]) -> Iterator[Trace]:
    name = str(path.relative_to(home))
    yield from (Trace(name, -1, needle) for needle in needles if needle in name.encode(errors="surrogateescape"))
    try:
        if path.is_symlink() or not path.is_file() or not path.stat().st_size:
            return
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            found = [(content.find(needle), needle) for needle in needles]
    except (FileNotFoundError, ValueError):  # removed or emptied meanwhile
        return
    yield from (Trace(name, offset, needle) for offset, needle in found if offset >= 0)
