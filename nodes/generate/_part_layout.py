"""How a video is cut into parts, and their format: fragmented mp4, which a page can play while later parts are made."""

from __future__ import annotations

from dataclasses import dataclass

PART_FORMAT = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "fflags": "+bitexact"}


@dataclass(frozen=True)
class Cut:
    """Where the parts of a video begin. It depends on frame numbers alone, never on the input's own parts.

    Attributes:
        first: frames of the first part, which a person waits for.
        later: frames of each later part; a crash costs at most one.
    """

    first: int = 25
    later: int = 100

    def start(self, part: int) -> int:
        """The number of a part's first frame; also the number of frames in all parts before it."""
        return 0 if part == 0 else self.first + (part - 1) * self.later

    def count(self, part: int) -> int:
        """The number of frames in a part that is not the last one."""
        return self.first if part == 0 else self.later


CUT = Cut()
