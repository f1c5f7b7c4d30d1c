"""Repairs artifacts whose stored bytes are damaged or missing: restores an intact copy, or lets the job run again.

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
    Condition.DAMAGED: "does not match its digest in the object store",
    Condition.UNREADABLE: "can no longer be read by the object store",
}


class Stores(Protocol):
    """The stores of artifacts and of references to them."""

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
    """An artifact whose bytes were missing or damaged, and the action taken.

    Attributes:
        restored_from: source of the intact copy that was put back into the store; "" if there was none.
        removed: whether the damaged object was removed, so that the node that produced it is a cache miss.
    """

    ref: Ref
    condition: Condition
    origin: Origin
    restored_from: str = ""
    removed: bool = False

    @property
    def heals(self) -> bool:
        """Whether no action is needed: it is restored, or will be recomputed when a job needs it."""
        return bool(self.restored_from) or self.origin.computable or not self.origin.irreplaceable

    @property
    def message(self) -> str:
        called = f" ({self.ref.name})" if self.ref.name else ""
        return f"{self.ref.kind} {self.ref.sha256[:12]}{called} {_WORDS[self.condition]}"

    @property
    def remedy(self) -> str:
        """What a person should do; "" if nothing."""
        if self.restored_from:
            return ""
        if self.origin.computable:
            return f"`workbench job rerun {self.origin.made_by[0]}` recomputes it."
        if self.origin.irreplaceable:
            return "Upload the same file again. A person provided it, so no job can recompute it."
        return ""

    @property
    def outcome(self) -> str:
        """The action taken, or the action that remains."""
        if self.restored_from:
            return f"restored from {self.restored_from}."
        return self.remedy or "nothing refers to it any more."

    def error(self) -> WorkbenchError:
        """The error for a caller that needs the bytes now."""
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


def check_artifact(stores: Stores, ref: Ref, *, repair: bool = True) -> Damage | None:
    """Read the artifact's object, and repair it if it is damaged. Returns None if it is intact. Blocks.

    A damaged object of an upload without an intact copy is kept, because nothing can replace it.

    Args:
        repair: False to check only.

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
    """Repair an artifact that could not be fetched, and fetch it. Raises WorkbenchError with a remedy if impossible."""
    found = check_artifact(stores, ref)
    if found is None or found.restored_from:
        return stores.cache.fetch(ref, stores.objects)
    raise found.error() from error


def check_job_artifacts(stores: Stores, record: JobRecord) -> list[Damage]:
    """Check a job's outputs, and inputs that its nodes failed on, before it is run again.

    Limits the amount of data that is read, because a person is waiting.
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
    return [lost for ref in distinct if (lost := check_artifact(stores, ref)) is not None]


def _put_back(stores: Stores, ref: Ref, origin: Origin) -> str:
    """Restore the artifact from an intact copy. Returns the source, or "" if there is none."""
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
    stores.objects.delete(ref.sha256)  # otherwise the metadata of the damaged object would let put() skip the upload
    stores.objects.put(path, ref)


def _copies(stores: Stores, ref: Ref, origin: Origin) -> Iterator[tuple[str, str]]:
    """Bucket and key of files with the same size in the MLflow runs of the jobs that produced it."""
    if not origin.runs:
        return
    for place in places(stores.settings.s3_bucket):
        try:
            for page in stores.objects.pages(f"{place.prefix}/", place.bucket):
                for facts in page:
                    if facts.size_bytes == ref.size_bytes and any(run in facts.key for run in origin.runs):
                        yield place.bucket, facts.key
        except WorkbenchError as error:
            log.info("MLflow's files cannot be searched", bucket=place.bucket, reason=error.message)
