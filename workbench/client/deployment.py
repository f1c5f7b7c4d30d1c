"""A deployment, as a face sees it."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, overload

import orjson

from nodes.media import measure
from schemas.approval import Decision, Question
from schemas.errors import WorkbenchError
from schemas.event import Event
from schemas.job import JobRecord
from schemas.refs import REF_TYPES, AudioRef, FileRef, ImageRef, JsonRef, Ref, TextRef, VideoRef
from workbench.bus.answers import Verdict
from workbench.bus.bus import Bus
from workbench.bus.connection import BUS_AWAY, unreachable
from workbench.client import review
from workbench.client.inspection.inspector import Inspector
from workbench.client.mlflow_access import run_page
from workbench.client.watch import Update, watch
from workbench.engine.accept import put_back
from workbench.engine.offers import Outlook
from workbench.retention import healing
from workbench.settings import Settings
from workbench.store.collection_rounds import CollectionRounds, RoundChanged
from workbench.store.damage import LOST
from workbench.store.files import written
from workbench.store.grants import Grants
from workbench.store.jobs import JobStore
from workbench.store.local_cache import LocalCache
from workbench.store.objects import Objects, preview_key
from workbench.store.typical import typical_seconds

QUICK_S = 1.5  # after it a page says that the bus is away rather than keep a person waiting


class Deployment:
    """Connects when first used. Every method raises WorkbenchError with a remedy, and nothing else on purpose."""

    def __init__(self, settings: Settings) -> None:
        missing = [name for name in ("bus_url", "s3_url", "sql_url") if not getattr(settings, name)]
        if missing:
            raise WorkbenchError(
                "stack.not_running",
                "no stack runs in this home",
                where=str(settings.home),
                seen=", ".join(f"WORKBENCH_{name.upper()} is not set" for name in missing),
                remedy="Start it with `workbench up --detach`, or set the URLs of another deployment.",
            )
        self.settings = settings
        self.cache = LocalCache(settings.home / "cache", int(settings.cache_gib * 2**30))

    @cached_property
    def bus(self) -> Bus:
        return Bus(self.settings.bus_url, self.settings.namespace)

    @cached_property
    def quick_bus(self) -> Bus:
        """For questions whose answer a person waits for: it gives up soon."""
        return Bus(self.settings.bus_url, self.settings.namespace, timeout_s=QUICK_S)

    @cached_property
    def outlook(self) -> Outlook:
        """The bus's epoch and what its workers offer."""
        return Outlook(self.bus)

    @cached_property
    def store(self) -> JobStore:
        return JobStore.open(self.settings)

    @cached_property
    def objects(self) -> Objects:
        return Objects.connect(self.settings)

    @cached_property
    def grants(self) -> Grants:
        return Grants(self.store.database)

    @cached_property
    def inspector(self) -> Inspector:
        return Inspector()

    def close(self) -> None:
        """End the processes that look at files, where any were started. A file that is being looked at is given up."""
        if "inspector" in self.__dict__:
            self.inspector.close()

    @overload
    def upload(self, path: Path, kind: Literal["image"], *, owner: str = "") -> ImageRef: ...
    @overload
    def upload(self, path: Path, kind: Literal["audio"], *, owner: str = "") -> AudioRef: ...
    @overload
    def upload(self, path: Path, kind: Literal["video"], *, owner: str = "") -> VideoRef: ...
    @overload
    def upload(self, path: Path, kind: Literal["text"], *, owner: str = "") -> TextRef: ...
    @overload
    def upload(self, path: Path, kind: Literal["json"], *, owner: str = "") -> JsonRef: ...
    @overload
    def upload(self, path: Path, kind: Literal["file"], *, owner: str = "") -> FileRef: ...
    @overload
    def upload(self, path: Path, kind: str, *, owner: str = "") -> Ref: ...
    def upload(self, path: Path, kind: str, *, owner: str = "") -> Ref:
        """Put a file into the object store; returns its typed reference.

        Args:
            owner: who has a claim on it: it stays although no job names it. "" for a file that a job is to name now.

        Raises WorkbenchError: node.bad_input for a file that is missing, unreadable or not of that kind; home.disk_full
        and home.not_writable of the cache; store.*.
        """
        if not path.is_file():
            raise WorkbenchError(
                "node.bad_input",
                f"there is no file {path}",
                where=str(path),
                seen="nothing",
                allowed=f"the path of a file ({kind})",
                remedy="Correct the path.",
            )
        facts = measure(path, kind)
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        ref = REF_TYPES[kind].model_validate(
            {**facts, "sha256": sha256, "size_bytes": path.stat().st_size, "name": path.name[:200]}
        )
        with self._staged(path) as copy:
            if owner:
                self.claim(copy, ref, owner, {"ref": ref.model_dump(mode="json", exclude_none=True)})
            else:
                self.keep(copy, ref)
        return ref

    def keep(self, path: Path, ref: Ref) -> None:
        """Put a finished file of ours into the object store; the cache takes it over. Raises as ``Objects.put``.

        It also mends: what lies in the store under its digest is read, and replaced where it is damaged.
        """
        self.objects.put(path, ref, anew=True)  # first: from the cache it may be collected while nothing names it
        with written(self.cache.folder):
            self.cache.add(path, ref)

    def claim(self, path: Path, ref: Ref, owner: str, facts: dict[str, Any]) -> None:
        """As ``keep``, and the owner has a claim on it: without one, a file that no job names is collected."""
        rounds = CollectionRounds(self.store.database)
        while True:
            seen = rounds.wait_until_closed()
            self.objects.put(path, ref, anew=True)
            try:
                self.grants.add_upload(owner, ref, facts, seen)
                break
            except RoundChanged:  # bytes were removed meanwhile, perhaps these
                continue
        with written(self.cache.folder):
            self.cache.add(path, ref)

    def open(self, ref: Ref) -> Path:
        """A local, read-only copy of an artifact; where its stored bytes are lost, of another copy that is found.

        Raises WorkbenchError: store.missing and store.corrupt, with what is to be done; store.unreachable; home.*
        """
        try:
            return self.cache.fetch(ref, self.objects)
        except WorkbenchError as error:
            if error.code not in LOST:
                raise
            return healing.recovered(self, ref, error)

    def recover(self, ref: Ref) -> None:
        """Have an artifact whose stored bytes are lost in the store again, where a good copy is found.

        Raises WorkbenchError: store.missing and store.corrupt, with what is to be done.
        """
        found = healing.check_artifact(self, ref)
        if found is not None and not found.restored_from:
            raise found.error()

    def save(self, ref: Ref, target: Path) -> Path:
        """Copy an artifact to a file of the person's. Never half-written."""
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = target.with_name(f".{target.name}.part")
        shutil.copyfile(self.open(ref), staging)
        return staging.replace(target)

    def job(self, job_id: str) -> JobRecord:
        """Raises WorkbenchError (job.unknown)."""
        record = self.store.get(job_id)
        if record is None:
            raise WorkbenchError(
                "job.unknown", f"there is no job {job_id}", where=job_id, remedy="`workbench job list` shows the jobs."
            )
        return record

    def watch(self, job_id: str, after: str = "0-0") -> Iterator[Update]:
        """Events and progress from a cursor on, until the job is final. Raises WorkbenchError (job.unknown)."""
        return watch(job_id, self.bus, self.job, self.store, after)

    def typical_seconds(self, record: JobRecord) -> dict[str, float]:
        """What the job's services took lately, by service."""
        return typical_seconds(self.store.database, {node.service for node in record.graph.nodes})

    def mlflow_run(self, job_id: str) -> str | None:
        """URL of the job's page in MLflow, once it is recorded there; None also where no app is there to show it."""
        return self.mlflow_page(self.job(job_id))

    def mlflow_page(self, record: JobRecord) -> str | None:
        """The same of a record."""
        return run_page(self.settings, record.mlflow_run_id)

    def events(self, job_id: str, after: str = "0-0") -> Sequence[Event]:
        return self.store.events(job_id, after)

    def cancel(self, job_id: str) -> bool:
        """Stop a job; False when it had ended already."""
        record = self.job(job_id)
        if record.status.final:
            return False
        try:
            verdict = self.bus.cancel(job_id)
            if verdict is Verdict.UNKNOWN:  # accepted, but not enqueued yet
                put_back(record, bus=self.bus, epoch=self.bus.marker().epoch)
                verdict = self.bus.cancel(job_id)
        except BUS_AWAY as error:
            raise unreachable(self.bus.url, error) from error
        return verdict is Verdict.OK

    def awaited(self, job_id: str) -> dict[str, Question]:
        """What the job asks a person, by node; empty where nobody is asked."""
        return review.awaited(self, self.job(job_id))

    def approve(self, job_id: str, node: str | None = None, *, text: str | None = None, author: str) -> Decision:
        """Approve what a job asks about, with a text of one's own in its place where given; the job goes on.

        Args:
            node: which node is answered; may be left out where one waits.

        Returns the decision that stands; repeating it changes nothing. It is kept at once; where the bus is away, the
        control plane hands it over. Raises WorkbenchError: job.unknown, review.not_waiting, review.decided,
        review.bad_answer, and what a node that takes the text says against it.
        """
        return review.approve(self, self.job(job_id), node, text, author)

    def reject(self, job_id: str, node: str | None = None, *, reason: str = "", author: str) -> Decision:
        """Refuse what a job asks about: the node fails with review.rejected. Otherwise as ``approve``."""
        return review.reject(self, self.job(job_id), node, reason, author)

    def parts(self, job_id: str, node: str) -> list[Ref]:
        """Finished parts of a node's long output, in order; empty once the bus has forgotten the job.

        Raises WorkbenchError (bus.unreachable).
        """
        try:
            raw = self.bus.parts(job_id, node)
        except BUS_AWAY as error:
            raise unreachable(self.bus.url, error) from error
        parts = [orjson.loads(part) for part in raw]
        return [REF_TYPES[part["kind"]].model_validate(part) for part in parts]

    def preview(self, job_id: str, node: str) -> bytes | None:
        """The newest preview of a node, a picture; None where there is none. One request to the object store."""
        try:
            return self.objects.get_preview(preview_key(job_id, node))[0]
        except WorkbenchError as error:
            if error.code != "store.missing":
                raise
            return None

    @contextlib.contextmanager
    def _staged(self, path: Path) -> Iterator[Path]:
        """A copy of a person's file: the cache takes files over, and this one is not ours to take."""
        with written(self.cache.folder):
            self.cache.folder.mkdir(parents=True, exist_ok=True)
            folder = tempfile.TemporaryDirectory(dir=self.cache.folder, prefix=".upload-")
        with folder as name:
            copy = Path(name) / "file"
            with written(self.cache.folder):
                shutil.copyfile(path, copy)
            yield copy
