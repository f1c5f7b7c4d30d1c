"""The collection: removes what no job and no upload names, from every place where it lies.

The order makes it safe beside people who submit and workers who compute (docs/design/retention.md): first the result
cache forgets what is to go, so that nobody is told of it any more; then a round is opened, in SQL for those who accept
jobs and on the bus for workers; then the last look is taken at what is named; only then bytes go.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from schemas.errors import WorkbenchError
from schemas.retention import CollectionReport, CollectionRequest, RetentionRule, StoreKind, Verified
from workbench.bus.answers import Verdict
from workbench.bus.connection import BUS_AWAY, unreachable
from workbench.retention import local_files, mlflow_runs, partial
from workbench.retention.deleting import delete_jobs
from workbench.retention.parts import Parts
from workbench.retention.previews import remove_previews
from workbench.retention.selection import Selected, select_by
from workbench.retention.tally import Tally
from workbench.retention.verification import verify_artifacts
from workbench.store.local_cache import KEEP_S
from workbench.store.objects import object_key

STRAY_S = 3600.0  # an object that nothing ever named may be on its way into a job for so long
AT_ONCE = 200  # artifacts a round
ROUND_S = 15.0  # longer than a round takes; it ends by itself when the collector dies
DELETE_S = 5.0  # within a round; what is left then is for the next one
LAST = "collection.last"  # note: the report of the last collection
REACHED = "collection.verified"  # note: the digest that was verified last; "" when there was none behind it
VERIFY_S = 30.0  # some GB a day; the next collection goes on behind them


@dataclass(frozen=True)
class Dead:
    """An artifact that nothing names."""

    kind: str  # of its reference; "" where only the object store knows it
    size_bytes: int


def collect(
    parts: Parts,
    asked: CollectionRequest,
    *,
    stray_s: float = STRAY_S,
    wait_s: float = 0.0,
    verify_s: float = VERIFY_S,
) -> CollectionReport:
    """Delete what the rule says, remove what nothing names, and verify what stays. Blocks, for minutes where there is
    much.

    Args:
        stray_s: how old an object must be that SQL never heard of.
        wait_s: how long to wait for another collector.
        verify_s: for how long to read artifacts and compare them with their digests; 0: not at all.

    Raises WorkbenchError: deletion.busy, bus.unreachable, store.*, sql.unreachable. What is gone by then is gone.
    """
    at, began = time.time(), time.monotonic()
    tally = Tally()
    try:
        if asked.dry_run:
            _collect(parts, asked, tally, dry_run=True, stray_s=stray_s)
        else:
            with parts.rounds.collector(wait_s):
                _collect(parts, asked, tally, dry_run=False, stray_s=stray_s)
    except BUS_AWAY as error:
        raise unreachable(parts.bus.url, error) from error
    verified = Verified() if asked.dry_run or not verify_s else _verify(parts, verify_s)
    report = CollectionReport(
        dry_run=asked.dry_run,
        at=at,
        seconds=round(time.monotonic() - began, 3),
        rule=RetentionRule(older_than=asked.older_than, max_gib=asked.max_gib, keep_tags=asked.keep_tags),
        removed=tally.removed,
        bytes=tally.bytes,
        left=tally.left,
        verified=verified,
    )
    if not asked.dry_run:
        parts.store.set_note(LAST, report.to_json().decode())
    return report


def _collect(parts: Parts, rule: RetentionRule, tally: Tally, *, dry_run: bool, stray_s: float) -> None:
    chosen = select_by(parts, rule)
    tally.add(StoreKind.JOBS, len(chosen.jobs))
    tally.add(StoreKind.UPLOADS, len(chosen.claims))
    if not dry_run:
        delete_jobs(parts, chosen.jobs, tally)
        parts.deletion.drop_uploads(chosen.claims)
    remove_unnamed(parts, tally, dry_run=dry_run, stray_s=stray_s, without=chosen)


def _verify(parts: Parts, most_s: float) -> Verified:
    """Compare the next artifacts with their digests; damage is healed as far as it can be."""
    found = verify_artifacts(parts, after=parts.store.note(REACHED) or "", most_s=most_s)
    parts.store.set_note(REACHED, "" if found.whole else found.reached)
    return Verified(
        count=found.artifacts,
        bytes=found.size_bytes,
        whole=found.whole,
        damaged=[f"{item.message}: {item.outcome}" for item in found.damaged],
    )


def remove_unnamed(
    parts: Parts, tally: Tally, *, dry_run: bool, stray_s: float, without: Selected | None = None
) -> set[str]:
    """Remove what nothing names; returns the digests whose bytes are gone, or would be.

    Args:
        without: jobs and claims that a dry run takes for deleted.
    """
    dead = find_dead(parts, stray_s, without if dry_run else None)
    forget_results(parts, set(dead), tally, dry_run=dry_run)
    if dry_run:
        for item in dead.values():
            tally.artifact(item.kind, item.size_bytes)
        gone = set(dead)
    else:
        gone = remove_artifacts(parts, dead, tally)
        mlflow_runs.remove_doomed(parts, tally)
    mlflow_runs.purge(parts, tally, dry_run=dry_run)
    _local_files(parts, gone, tally, dry_run=dry_run, stray_s=stray_s, jobs=without.jobs if without else ())
    partial.collect(parts.settings.home, parts.objects, tally, dry_run=dry_run)
    return gone


def find_dead(parts: Parts, stray_s: float, without: Selected | None = None) -> dict[str, Dead]:
    """Artifacts that nothing in SQL names, with those that SQL never heard of and that are old enough."""
    dead = {item.sha256: Dead(item.kind, item.size_bytes) for item in parts.naming.unnamed()}
    if without is not None:
        freed = parts.naming.freed_by(set(without.jobs), set(without.claims))
        dead |= {item.sha256: Dead(item.kind, item.size_bytes) for item in freed}
    stored = {item.sha256: item for item in parts.objects.stored()}
    known, before = parts.naming.known(), time.time() - stray_s
    strays = {sha256: item for sha256, item in stored.items() if sha256 not in known and item.modified <= before}
    # Jobs under way name files that SQL does not know yet: parts, results that are not recorded.
    here = parts.bus.holding.named(list(parts.bus.queues.jobs()))
    named = parts.naming.named(strays)  # a row of `artifacts` may be missing where its job is there
    dead |= {sha256: Dead("", item.size_bytes) for sha256, item in strays.items() if sha256 not in named}
    return {sha256: item for sha256, item in dead.items() if sha256 not in here}


def forget_results(parts: Parts, digests: Collection[str], tally: Tally, *, dry_run: bool) -> None:
    """Take out of the result cache what no job has, or what names one of the digests: SQL first, then the bus."""
    stale = set(parts.naming.stale_results(digests))
    remembered = parts.bus.holding.results()
    jobs = list(parts.bus.queues.jobs())
    unsure = remembered.keys() - stale - parts.bus.holding.named(jobs)
    here = unsure - parts.naming.results_named(unsure)
    here |= {key for key, named in remembered.items() if not named.isdisjoint(digests)}
    tally.add(StoreKind.RESULTS, len(stale | here))
    if not dry_run:
        parts.naming.withdraw(stale | here)
        parts.bus.holding.withdraw(stale | here)


def remove_artifacts(parts: Parts, dead: dict[str, Dead], tally: Tally) -> set[str]:
    """Remove objects in rounds; returns the digests that are gone. What is named meanwhile stays."""
    gone: set[str] = set()
    todo, tries = sorted(dead), 0
    while todo and tries < 3:
        some, todo = todo[:AT_ONCE], todo[AT_ONCE:]
        removed, unsure = _round(parts, some)
        for sha256 in removed:
            tally.artifact(dead[sha256].kind, dead[sha256].size_bytes)
        gone |= removed
        todo += sorted(unsure)
        tries = tries + 1 if unsure else 0
    if todo:
        tally.left.append(f"{len(todo)} artifacts stay until the next collection: the object store was too slow.")
    return gone


def _round(parts: Parts, some: list[str]) -> tuple[set[str], set[str]]:
    """The digests that are gone, and those that are still to be removed."""
    with _opened(parts) as seen:
        until = time.monotonic() + DELETE_S
        # The bus before SQL: what goes from one to the other meanwhile is seen twice, never not at all.
        named = parts.bus.holding.named(list(parts.bus.queues.jobs()))
        named |= parts.naming.named(some)
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
        parts.naming.forget(gone)
    return gone, set(going) - gone


@contextmanager
def _opened(parts: Parts) -> Iterator[str]:
    """A round, in SQL and on the bus; yields its name there. Raises WorkbenchError (bus.unreachable)."""
    with parts.rounds.opened():
        verdict, seen = parts.bus.open_round(ROUND_S)
        if verdict is not Verdict.OK:
            raise _recovering()
        try:
            yield seen
        finally:
            parts.bus.close_round()


def _local_files(
    parts: Parts, gone: Collection[str], tally: Tally, *, dry_run: bool, stray_s: float, jobs: Collection[str]
) -> None:
    home, now = parts.settings.home, time.time()
    known = parts.naming.known() - set(gone)
    found = [file for file in local_files.of_artifacts(home) if file.name in gone or file.name not in known]
    here = parts.bus.holding.named(list(parts.bus.queues.jobs()))
    # Looked at behind the files: what a worker has just made and not put into the store yet is only in its cache.
    young_s = KEEP_S if parts.bus.holding.leased_jobs() else 0.0
    for file in found:
        least_s = young_s if file.name in gone else max(young_s, stray_s)
        if file.used_at <= now - least_s and file.name not in here and (dry_run or file.remove()):
            tally.add(file.kind, 1, file.size_bytes)
    deleted = set(jobs)
    for file in local_files.of_jobs(home):
        if (file.name in deleted or parts.store.get(file.name) is None) and (dry_run or file.remove()):
            tally.add(file.kind, 1, file.size_bytes)
    tally.add(StoreKind.PREVIEWS, remove_previews(parts.objects, parts.store, dry_run=dry_run))


def _recovering() -> WorkbenchError:
    return WorkbenchError(
        "bus.unreachable",
        "the bus recovers from a loss of memory: what jobs under way name is not known yet",
        where="the bus",
        remedy="Try again in a minute.",
    )
