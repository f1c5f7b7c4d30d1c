"""The collection: removes data that no job and no upload refers to, from all places where it is stored.

The order makes it safe while people submit and workers compute (docs/design/retention.md): first, results to be removed
are taken out of the result cache, so that nobody can reuse them; then a round is opened, in SQL for the acceptance of
jobs and on the bus for workers; then the references are checked for the last time; only then bytes are removed.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from schemas.errors import WorkbenchError
from schemas.retention import CollectionReport, CollectionRequest, RetentionRule, StoreKind, Verified
from workbench.bus.connection import BUS_UNREACHABLE, unreachable
from workbench.bus.results import Verdict
from workbench.retention import local_files, mlflow_runs, partial
from workbench.retention.deleting import delete_jobs
from workbench.retention.parts import Parts
from workbench.retention.previews import remove_previews
from workbench.retention.removals import Removals
from workbench.retention.selection import Selected, select_by
from workbench.retention.verification import verify_artifacts
from workbench.store.local_cache import KEEP_S
from workbench.store.objects import object_key

STRAY_S = 3600.0  # how long an object may take until something refers to it
AT_ONCE = 200  # artifacts per round
ROUND_S = 15.0  # longer than a round takes; after it, the round of a dead collector ends
DELETE_S = 5.0  # maximum time for deletions in a round; the next round continues
LAST = "collection.last"  # key in SQL: the report of the last collection
REACHED = "collection.verified"  # key in SQL: the last verified digest; "" after the last artifact
VERIFY_S = 30.0  # a few GB per day; the next collection continues after them


@dataclass(frozen=True)
class Dead:
    """An artifact that nothing refers to."""

    kind: str  # kind of its reference; "" if only the object store has it
    size_bytes: int


def collect(
    parts: Parts,
    asked: CollectionRequest,
    *,
    stray_s: float = STRAY_S,
    wait_s: float = 0.0,
    verify_s: float = VERIFY_S,
) -> CollectionReport:
    """Apply the rule, remove unreferenced data, and verify the rest. Blocks, for minutes if there is much to remove.

    Args:
        stray_s: minimum age of objects that were never recorded in SQL.
        wait_s: how long to wait for another collector.
        verify_s: how long to read artifacts and compare them with their digests; 0 for no verification.

    Raises WorkbenchError: deletion.busy, bus.unreachable, store.*, sql.unreachable. Data removed before an error stays
    removed.
    """
    at, began = time.time(), time.monotonic()
    removals = Removals()
    try:
        if asked.dry_run:
            _collect(parts, asked, removals, dry_run=True, stray_s=stray_s)
        else:
            with parts.rounds.collector(wait_s):
                _collect(parts, asked, removals, dry_run=False, stray_s=stray_s)
    except BUS_UNREACHABLE as error:
        raise unreachable(parts.bus.url, error) from error
    verified = Verified() if asked.dry_run or not verify_s else _verify(parts, verify_s)
    report = CollectionReport(
        dry_run=asked.dry_run,
        at=at,
        seconds=round(time.monotonic() - began, 3),
        rule=RetentionRule(older_than=asked.older_than, max_gib=asked.max_gib, keep_tags=asked.keep_tags),
        removed=removals.removed,
        bytes=removals.bytes,
        left=removals.left,
        verified=verified,
    )
    if not asked.dry_run:
        parts.store.set_note(LAST, report.to_json().decode())
    return report


def _collect(parts: Parts, rule: RetentionRule, removals: Removals, *, dry_run: bool, stray_s: float) -> None:
    chosen = select_by(parts, rule)
    removals.add(StoreKind.JOBS, len(chosen.jobs))
    removals.add(StoreKind.UPLOADS, len(chosen.claims))
    if not dry_run:
        delete_jobs(parts, chosen.jobs, removals)
        parts.deletion.drop_uploads(chosen.claims)
    remove_unreferenced(parts, removals, dry_run=dry_run, stray_s=stray_s, without=chosen)


def _verify(parts: Parts, most_s: float) -> Verified:
    """Compare the next artifacts with their digests, and repair damage where possible."""
    found = verify_artifacts(parts, after=parts.store.note(REACHED) or "", most_s=most_s)
    parts.store.set_note(REACHED, "" if found.whole else found.reached)
    return Verified(
        count=found.artifacts,
        bytes=found.size_bytes,
        whole=found.whole,
        damaged=[f"{item.message}: {item.outcome}" for item in found.damaged],
    )


def remove_unreferenced(
    parts: Parts, removals: Removals, *, dry_run: bool, stray_s: float, without: Selected | None = None
) -> set[str]:
    """Remove unreferenced data. Returns the digests whose bytes were, or would be, removed.

    Args:
        without: jobs and claims that a dry run considers as deleted.
    """
    dead = find_dead(parts, stray_s, without if dry_run else None)
    forget_results(parts, set(dead), removals, dry_run=dry_run)
    if dry_run:
        for item in dead.values():
            removals.artifact(item.kind, item.size_bytes)
        gone = set(dead)
    else:
        gone = remove_artifacts(parts, dead, removals)
        mlflow_runs.remove_doomed(parts, removals)
    mlflow_runs.purge(parts, removals, dry_run=dry_run)
    _local_files(parts, gone, removals, dry_run=dry_run, stray_s=stray_s, jobs=without.jobs if without else ())
    partial.collect(parts.settings.home, parts.objects, removals, dry_run=dry_run)
    return gone


def find_dead(parts: Parts, stray_s: float, without: Selected | None = None) -> dict[str, Dead]:
    """Artifacts that nothing in SQL refers to, and sufficiently old objects that were never recorded in SQL."""
    dead = {item.sha256: Dead(item.kind, item.size_bytes) for item in parts.references.unreferenced()}
    if without is not None:
        freed = parts.references.freed_by(set(without.jobs), set(without.claims))
        dead |= {item.sha256: Dead(item.kind, item.size_bytes) for item in freed}
    stored = {item.sha256: item for item in parts.objects.stored()}
    recorded, before = parts.references.recorded(), time.time() - stray_s
    strays = {sha256: item for sha256, item in stored.items() if sha256 not in recorded and item.modified <= before}
    # Running jobs refer to files that are not in SQL yet: parts, and results that are not recorded.
    here = parts.bus.references.named(list(parts.bus.queues.jobs()))
    named = parts.references.referenced(strays)  # a row of `artifacts` may be missing although its job exists
    dead |= {sha256: Dead("", item.size_bytes) for sha256, item in strays.items() if sha256 not in named}
    return {sha256: item for sha256, item in dead.items() if sha256 not in here}


def forget_results(parts: Parts, digests: Collection[str], removals: Removals, *, dry_run: bool) -> None:
    """Remove cached results that no job has or that refer to one of the digests, first from SQL, then from the bus."""
    stale = set(parts.references.stale_results(digests))
    remembered = parts.bus.references.results()
    jobs = list(parts.bus.queues.jobs())
    unsure = remembered.keys() - stale - parts.bus.references.named(jobs)
    here = unsure - parts.references.results_in_use(unsure)
    here |= {key for key, named in remembered.items() if not named.isdisjoint(digests)}
    removals.add(StoreKind.RESULTS, len(stale | here))
    if not dry_run:
        parts.references.remove_results(stale | here)
        parts.bus.references.withdraw(stale | here)


def remove_artifacts(parts: Parts, dead: dict[str, Dead], removals: Removals) -> set[str]:
    """Remove objects in rounds. Returns the removed digests. Artifacts that are referenced meanwhile are kept."""
    gone: set[str] = set()
    todo, tries = sorted(dead), 0
    while todo and tries < 3:
        some, todo = todo[:AT_ONCE], todo[AT_ONCE:]
        removed, unsure = _round(parts, some)
        for sha256 in removed:
            removals.artifact(dead[sha256].kind, dead[sha256].size_bytes)
        gone |= removed
        todo += sorted(unsure)
        tries = tries + 1 if unsure else 0
    if todo:
        removals.left.append(f"{len(todo)} artifacts remain until the next collection: the object store was too slow.")
    return gone


def _round(parts: Parts, some: list[str]) -> tuple[set[str], set[str]]:
    """The removed digests, and those that remain to be removed."""
    with _opened(parts) as seen:
        until = time.monotonic() + DELETE_S
        # Read the bus before SQL, so that references that move from the bus to SQL meanwhile are not missed.
        named = parts.bus.references.named(list(parts.bus.queues.jobs()))
        named |= parts.references.referenced(some)
        if str(parts.bus.marker().epoch) != seen.partition(":")[0]:
            raise _recovering()
        going = [sha256 for sha256 in some if sha256 not in named]
        gone: set[str] = set()
        for start in range(0, len(going), 16):
            if time.monotonic() > until:
                break
            few = going[start : start + 16]
            parts.objects.delete_keys([object_key(sha256) for sha256 in few])
            gone.update(few)
        parts.references.remove_rows(gone)
    return gone, set(going) - gone


@contextmanager
def _opened(parts: Parts) -> Iterator[str]:
    """Open a round in SQL and on the bus. Yields its name on the bus. Raises WorkbenchError (bus.unreachable)."""
    with parts.rounds.opened():
        verdict, seen = parts.bus.open_round(ROUND_S)
        if verdict is not Verdict.OK:
            raise _recovering()
        try:
            yield seen
        finally:
            parts.bus.close_round()


def _local_files(
    parts: Parts, gone: Collection[str], removals: Removals, *, dry_run: bool, stray_s: float, jobs: Collection[str]
) -> None:
    home, now = parts.settings.home, time.time()
    recorded = parts.references.recorded() - set(gone)
    found = [file for file in local_files.of_artifacts(home) if file.name in gone or file.name not in recorded]
    here = parts.bus.references.named(list(parts.bus.queues.jobs()))
    # Read after the files, because a file that a worker has just created may exist only in its cache.
    young_s = KEEP_S if parts.bus.references.leased_jobs() else 0.0
    for file in found:
        least_s = young_s if file.name in gone else max(young_s, stray_s)
        if file.used_at <= now - least_s and file.name not in here and (dry_run or file.remove()):
            removals.add(file.kind, 1, file.size_bytes)
    deleted = set(jobs)
    for file in local_files.of_jobs(home):
        if (file.name in deleted or parts.store.get(file.name) is None) and (dry_run or file.remove()):
            removals.add(file.kind, 1, file.size_bytes)
    removals.add(StoreKind.PREVIEWS, remove_previews(parts.objects, parts.store, dry_run=dry_run))


def _recovering() -> WorkbenchError:
    return WorkbenchError(
        "bus.unreachable",
        "the bus is recovering its memory, so the files of running jobs are not known yet",
        where="the bus",
        remedy="Try again in a minute.",
    )
