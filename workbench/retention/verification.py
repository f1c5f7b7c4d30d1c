"""Reads the bytes of artifacts and compares them with their digests, within bounds of time and memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from schemas.refs import FileRef, Ref
from workbench.retention.healing import Damage, Stores, check_artifact
from workbench.store.objects import ObjectFacts
from workbench.store.origins import known_ref, named_refs


@dataclass
class Verification:
    """Progress and results.

    Attributes:
        reached: the last digest that was checked; pass it as ``after`` to continue after it.
        whole: whether all artifacts were checked.
    """

    artifacts: int = 0
    size_bytes: int = 0
    seconds: float = 0.0
    reached: str = ""
    whole: bool = False
    damaged: list[Damage] = field(default_factory=list)

    @property
    def mib_per_s(self) -> float:
        return self.size_bytes / 2**20 / self.seconds if self.seconds else 0.0


def verify_artifacts(
    stores: Stores,
    *,
    repair: bool = True,
    after: str = "",
    most_bytes: int | None = None,
    most_s: float | None = None,
    seen: Callable[[Verification], None] | None = None,
) -> Verification:
    """Check all artifacts in the store, and those that jobs and uploads refer to and the store does not have.

    Args:
        repair: restore intact copies, and remove damaged bytes that can be recomputed (``healing.check_artifact``).
        after: the digest to start after.
        most_bytes: stop after reading this many bytes.
        most_s: stop after this many seconds.
        seen: called after each artifact.

    Blocks: the store reads 100 to 200 MiB/s here. Raises WorkbenchError: store.unreachable, store.refused,
    sql.unreachable.
    """
    state, began = Verification(reached=after), time.monotonic()
    for ref, size_bytes in _all(stores, after):
        found = check_artifact(stores, ref, repair=repair)
        if found is not None:
            state.damaged.append(found)
        state.artifacts += 1
        state.size_bytes += size_bytes
        state.reached, state.seconds = ref.sha256, time.monotonic() - began
        if seen is not None:
            seen(state)
        over = most_bytes is not None and state.size_bytes >= most_bytes
        if over or (most_s is not None and state.seconds >= most_s):
            return state
    state.whole, state.seconds = True, time.monotonic() - began
    return state


def _all(stores: Stores, after: str) -> Iterator[tuple[Ref, int]]:
    """Merge two listings by digest: stored artifacts with their sizes, and referenced artifacts that are not stored."""
    stored, named = _stored(stores, after), named_refs(stores.store.database, after)
    there, wanted = next(stored, None), next(named, None)
    while there is not None or wanted is not None:
        if wanted is None or (there is not None and there.sha256 < wanted.sha256):
            assert there is not None
            ref = known_ref(stores.store.database, there.sha256)  # of a result that no job refers to any more
            yield ref or FileRef(sha256=there.sha256, size_bytes=there.size_bytes), there.size_bytes
            there = next(stored, None)
        elif there is None or wanted.sha256 < there.sha256:
            yield wanted, 0
            wanted = next(named, None)
        else:
            yield wanted, there.size_bytes
            there, wanted = next(stored, None), next(named, None)


def _stored(stores: Stores, after: str) -> Iterator[ObjectFacts]:
    for page in stores.objects.pages(after=after):
        yield from page
