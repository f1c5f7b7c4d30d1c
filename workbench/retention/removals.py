"""Counts removed data by kind."""

from __future__ import annotations

from collections import Counter

from schemas.retention import Removed, StoreKind

OF_REF = {"image": StoreKind.IMAGES, "audio": StoreKind.AUDIO, "video": StoreKind.VIDEO}


class Removals:
    """Data that was, or would be, removed, and data that remains for now."""

    def __init__(self) -> None:
        self._counts: Counter[StoreKind] = Counter()
        self._bytes: Counter[StoreKind] = Counter()
        self.left: list[str] = []

    def add(self, kind: StoreKind, count: int = 1, size: int = 0) -> None:
        self._counts[kind] += count
        self._bytes[kind] += size

    def artifact(self, kind: str, size: int) -> None:
        """Count an artifact with this kind of reference: image, audio, video, text, …"""
        self.add(OF_REF.get(kind, StoreKind.FILES), 1, size)

    @property
    def removed(self) -> list[Removed]:
        return [
            Removed(kind=kind, count=self._counts[kind], bytes=self._bytes[kind])
            for kind in StoreKind
            if self._counts[kind]
        ]

    @property
    def bytes(self) -> int:
        return sum(self._bytes.values())


def counted(number: int, noun: str) -> str:
    """``1 file``, ``2 files``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
