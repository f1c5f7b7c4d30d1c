"""What is done about artifacts whose stored bytes are damaged or gone: a good copy is put back, or the maker must run.

See docs/design/damaged-artifacts.md.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog

from schemas.errors import WorkbenchError
from schemas.job import JobRecord
from schemas.refs import FileRef, Ref, refs_in
from workbench.settings import Settings
from workbench.store import damage
from workbench.store.damage import Condition
from workbench.store.jobs import JobStore
from workbench.store.local_cache import LocalCache
from workbench.store.objects import Objects
from workbench.store.origins import Origin, known_ref, origin_of
from workbench.store.run_artifacts import places

READ_BEFORE_RERUN_BYTES = 256 * 2**20  # about two seconds
log = structlog.get_logger(__name__)
_WORDS = {
    Condition.MISSING: "is not in the object store",
    Condition.DAMAGED: "has other bytes in the object store than its digest names",
    Condition.UNREADABLE: "cannot be read by the object store any more",
}


class Stores(Protocol):
    """Where artifacts are, and what names them."""

    @property
    def settings(self) -> Settings: ...
    @property
    def store(self) -> JobStore: ...
    @property
    def objects(self) -> Objects: ...
    @property
    def cache(self) -> LocalCache: ...


@dataclass(frozen=True)
class Damage:
    """An artifact whose bytes were not there or not right, and what was done.

    Attributes:
        restored_from: where a good copy was found that lies in the store again; "" where none was.
        removed: whether the damaged object was taken out: its maker is a cache miss now.
    """

    ref: Ref
    condition: Condition
    origin: Origin
    restored_from: str = ""
    removed: bool = False

    @property
    def heals(self) -> bool:
        """Whether no action is needed: it is restored, or is computed again when a job next needs it."""
        return bool(self.restored_from) or self.origin.computable or not self.origin.irreplaceable

    @property
    def message(self) -> str:
        called = f" ({self.ref.name})" if self.ref.name else ""
        return f"{self.ref.kind} {self.ref.sha256[:12]}{called} {_WORDS[self.condition]}"

    @property
    def remedy(self) -> str:
        """What a person does now; "" where nothing is to be done."""
        if self.restored_from:
            return ""
        if self.origin.computable:
            return f"`workbench job rerun {self.origin.made_by[0]}` computes it anew."
        if self.origin.irreplaceable:
            return "It was brought in, and no job can make it: upload or give the same file again, and it is whole."
        return ""

    @property
    def outcome(self) -> str:
        """What was done about it, and what is left to do."""
        if self.restored_from:
            return f"put back from {self.restored_from}."
        return self.remedy or "nothing names it any more."

    def error(self) -> WorkbenchError:
        """What somebody is told that needs the bytes now."""
        code = "store.missing" if self.condition is Condition.MISSING else "store.corrupt"
        named = self.origin.made_by if self.origin.computable else self.origin.used_by
        return WorkbenchError(
            code,
            self.message,
            where=f"job {named[0]}" if named else "the object store",
            seen=self.condition.value,
            remedy=self.remedy or damage.REMEDY,
            artifact=self.ref.sha256,
        )


def look_after(stores: Stores, ref: Ref, *, repair: bool = True) -> Damage | None:
    """Read the artifact's object; where it is not right, do what can be done. None where all is well. Blocks.

    A damaged object of something that a person brought in stays where it is: there is nothing to put in its place.

    Args:
        repair: False only looks.

    Raises WorkbenchError: store.unreachable, store.refused, sql.unreachable.
    """
    found = damage.condition(stores.objects, ref)
    if found is Condition.GOOD:
        return None
    origin = origin_of(stores.store.database, ref.sha256)
    restored, removed = "", False
    if repair:
        restored = _put_back(stores, ref, origin)
        if not restored and not origin.irreplaceable and found is not Condition.MISSING:
            stores.objects.delete(ref.sha256)
            removed = True
    log.warning(
        "artifact is damaged", artifact=ref.sha256, condition=found.value, restored_from=restored, removed=removed
    )
    return Damage(ref, found, origin, restored, removed)


def recovered(stores: Stores, ref: Ref, error: WorkbenchError) -> Path:
    """A local copy after all, of an artifact that could not be fetched. Raises WorkbenchError that says what to do."""
    found = look_after(stores, ref)
    if found is None or found.restored_from:
        return stores.cache.fetch(ref, stores.objects)
    raise found.error() from error


def look_after_job(stores: Stores, record: JobRecord) -> list[Damage]:
    """Look after what a job made and what its nodes failed by, before it is run again: perhaps that is why it is.

    Of large outputs no more is read than a person would wait for.
    """
    failed_by = {
        str(node.error.details.get("artifact", ""))
        for node in record.nodes
        if node.error is not None and node.error.code in damage.LOST
    }
    refs = [known_ref(stores.store.database, sha256) or FileRef(sha256=sha256) for sha256 in sorted(failed_by - {""})]
    left = READ_BEFORE_RERUN_BYTES
    for made in refs_in([node.output for node in record.nodes]):
        left -= made.size_bytes or 0
        if left > 0:
            refs.append(made)
    distinct = {ref.sha256: ref for ref in refs}.values()
    return [lost for ref in distinct if (lost := look_after(stores, ref)) is not None]


def _put_back(stores: Stores, ref: Ref, origin: Origin) -> str:
    """Where a good copy was found; it lies in the store then."""
    local = stores.cache.path(ref, anew=True)
    if local is not None:
        _replace(stores, local, ref)
        return "the cache of this home"
    with tempfile.TemporaryDirectory(prefix="copy-") as folder:
        copy = Path(folder) / "copy"
        for bucket, key in _copies(stores, ref, origin):
            stores.objects.fetch_key(key, bucket, copy)
            with copy.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() == ref.sha256:
                    _replace(stores, copy, ref)
                    return f"MLflow's copy {key}"
    return ""


def _replace(stores: Stores, path: Path, ref: Ref) -> None:
    stores.objects.delete(ref.sha256)  # what the store says of a damaged object would have the put believe it is there
    stores.objects.put(path, ref)


def _copies(stores: Stores, ref: Ref, origin: Origin) -> Iterator[tuple[str, str]]:
    """Bucket and key of the files in MLflow's runs of the jobs that made it, which have its size."""
    if not origin.runs:
        return
    for place in places(stores.settings.s3_bucket):
        try:
            for page in stores.objects.pages(f"{place.prefix}/", place.bucket):
                for facts in page:
                    if facts.size_bytes == ref.size_bytes and any(run in facts.key for run in origin.runs):
                        yield place.bucket, facts.key
        except WorkbenchError as error:
            log.info("MLflow's files are not looked through", bucket=place.bucket, reason=error.message)
