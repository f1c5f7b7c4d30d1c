"""Rewrites the files of the embedded parts, so that they no longer contain removed data."""

from __future__ import annotations

from collections.abc import Collection

from schemas.retention import Compacted
from workbench.embedded.compaction import compact as compact_parts
from workbench.settings import Settings


def compact(settings: Settings, texts: Collection[bytes]) -> list[Compacted]:
    """Compact all parts whose files are in this home. Blocks, for about a minute if they are large.

    Args:
        texts: texts to mask in logs, in addition to digests.
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
