"""Why a video has no frame index."""

from __future__ import annotations


class NotIndexed(Exception):
    """The file is sound, but has no frames that could be found by offset.

    Attributes:
        seen: what the file has, in a few words.
        remedy: what to do now.
    """

    def __init__(self, seen: str, remedy: str) -> None:
        super().__init__(f"{seen} has no frame index")
        self.seen = seen
        self.remedy = remedy


class Damaged(Exception):
    """The file ends too early, or its frames cannot be decoded."""
