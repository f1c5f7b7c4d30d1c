"""Writing the files of the embedded parts anew, so that what was removed is in none of them."""

from __future__ import annotations

from collections.abc import Collection

from schemas.retention import Compacted
from workbench.embedded.compaction import compact as compact_parts
from workbench.settings import Settings


def compact(settings: Settings, texts: Collection[bytes]) -> list[Compacted]:
    """Compact every part whose files lie in this home. Blocks, for a minute where they are large.

    Args:
        texts: what is blotted out in logs, besides digests.
    """
    return [
        Compacted(
            part=done.part,
            bytes_before=done.bytes_before,
            bytes_after=done.bytes_after,
            seconds=round(done.seconds, 3),
            left=done.left,
        )
        for done in compact_parts(settings, texts=texts)
    ]
