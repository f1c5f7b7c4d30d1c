"""A deployment, as the front ends use it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson

from schemas.errors import WorkbenchError
from schemas.event import Event
from schemas.folding import JOB_ENDS
from schemas.job import JobRecord
from schemas.refs import Ref, refs_in
from schemas.status import JobStatus
from workbench.bus.bus import Bus
from workbench.bus.connection import BUS_UNREACHABLE, unreachable
from workbench.bus.results import Verdict
from workbench.client.expectation import Expectation
from workbench.client.inspection.inspector import Inspector
from workbench.client.mlflow_access import run_page
from workbench.client.watch import Update, watch
from workbench.engine.accept import put_back
from workbench.engine.provided_services import DeploymentSnapshot
from workbench.retention import healing
from workbench.settings import Settings
from workbench.store.collection_rounds import CollectionRounds, RoundChanged
from workbench.store.consents import Consents
from workbench.store.damage import LOST
from workbench.store.files import written
from workbench.store.grants import Grants
from workbench.store.jobs import JobStore
from workbench.store.local_cache import LocalCache
from workbench.store.objects import Objects, preview_key

QUICK_S = 1.5  # then a page reports that the bus is unreachable, so that the user does not wait longer


class Deployment:
    """Connects on first use. All methods report their expected failures as WorkbenchError with a remedy."""

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

    @contextlib.contextmanager
    def asking_bus(self) -> Iterator[Bus]:
        """The bus. Raises WorkbenchError (bus.unreachable) if it does not answer in the block."""
        try:
            yield self.bus
        except BUS_UNREACHABLE as error:
            raise unreachable(self.bus.url, error) from error

    @cached_property
    def quick_bus(self) -> Bus:
        """For queries that a person waits for: it times out soon."""
        return Bus(self.settings.bus_url, self.settings.namespace, timeout_s=QUICK_S)

    @cached_property
    def snapshot(self) -> DeploymentSnapshot:
        """The bus's epoch, and the services that its workers provide."""
        return DeploymentSnapshot(self.bus)

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
    def consents(self) -> Consents:
        return Consents(self.store.database)

    @cached_property
    def inspector(self) -> Inspector:
        return Inspector()

    def close(self) -> None:
        """Stop the inspection processes, if any run. An inspection in progress is aborted."""
        if "inspector" in self.__dict__:
            self.inspector.close()

    def keep(self, path: Path, ref: Ref) -> None:
        """Store a finished file of the workbench; the cache takes the file over. Raises like ``Objects.put``.

        It also repairs: an object that exists under the digest is read, and replaced if it is damaged.
        """
        self.objects.put(path, ref, anew=True)  # first, because the cache may evict a file that nothing refers to
        with written(self.cache.folder):
            self.cache.add(path, ref)

    def claim(self, path: Path, ref: Ref, owner: str, facts: dict[str, Any]) -> None:
        """Like ``keep``, and give the owner a claim on the file. A file without a claim or a job is collected."""
        rounds = CollectionRounds(self.store.database)
        while True:
            seen = rounds.wait_until_closed()
            self.objects.put(path, ref, anew=True)
            try:
                self.grants.add_upload(owner, ref, facts, seen)
                break
            except RoundChanged:  # a collection removed bytes meanwhile, perhaps these
                continue
        with written(self.cache.folder):
            self.cache.add(path, ref)

    def open(self, ref: Ref) -> Path:
        """A local, read-only copy of an artifact, for work within the workbench. Files leave it by ``client.delivery``.

        If its stored bytes are lost, another good copy is used.

        Raises WorkbenchError: store.missing and store.corrupt, with a remedy; store.unreachable; home.*
        """
        try:
            return self.cache.fetch(ref, self.objects)
        except WorkbenchError as error:
            if error.code not in LOST:
                raise
            return healing.recovered(self, ref, error)

    def recover(self, ref: Ref) -> None:
        """Restore an artifact whose stored bytes are lost, if a good copy exists.

        Raises WorkbenchError: store.missing and store.corrupt, with a remedy.
        """
        found = healing.check_artifact(self, ref)
        if found is not None and not found.restored_from:
            raise found.error()

    def job(self, job_id: str) -> JobRecord:
        """Raises WorkbenchError (job.unknown)."""
        record = self.store.get(job_id)
        if record is None:
            raise WorkbenchError(
                "job.unknown", f"there is no job {job_id}", where=job_id, remedy="`workbench job list` shows the jobs."
            )
        return record

    def watch(self, job_id: str, after: str = "0-0") -> Iterator[Update]:
        """Events and progress after a cursor, until the job is final. Raises WorkbenchError (job.unknown)."""
        return watch(job_id, self.bus, self.job, self.store, after)

    def expectation(self, record: JobRecord) -> Expectation:
        """How long the nodes of the job will take, from past runs and the length of its speech."""
        return Expectation.of_job(self.store.database, record)

    def mlflow_run(self, job_id: str) -> str | None:
        """URL of the job's page in MLflow. None if the job is not recorded yet, or no app serves the page."""
        return run_page(self.settings, self.job(job_id).mlflow_run_id)

    def events(self, job_id: str, after: str = "0-0") -> Sequence[Event]:
        return self.store.events(job_id, after)

    def cancel(self, job_id: str) -> bool:
        """Stop a job. Returns False if it had already ended."""
        record = self.job(job_id)
        if record.status.final:
            return False
        with self.asking_bus() as bus:
            verdict = bus.cancel(job_id)
            if verdict is Verdict.UNKNOWN:  # accepted, but not enqueued yet
                put_back(record, bus=bus, epoch=bus.marker().epoch)
                verdict = bus.cancel(job_id)
        return verdict is Verdict.OK

    def end_of(self, job_id: str) -> JobStatus:
        """The final status of a job that has ended, also if SQL does not have it yet."""
        with self.asking_bus() as bus:
            ends = [JOB_ENDS[event.type] for event in bus.events(job_id) if event.type in JOB_ENDS]
        return ends[0] if ends else self.job(job_id).status

    def parts(self, job_id: str, node: str) -> list[Ref]:
        """What can be played of a node's finished parts, in order. Empty after the bus has forgotten the job.

        Raises WorkbenchError (bus.unreachable).
        """
        with self.asking_bus() as bus:
            parts = [refs_in(orjson.loads(part)) for part in bus.parts(job_id, node)]
        return [refs[0] for refs in parts if refs]

    def preview(self, job_id: str, node: str) -> bytes | None:
        """The newest preview image of a node, or None. Sends one request to the object store."""
        try:
            return self.objects.get_preview(preview_key(job_id, node))[0]
        except WorkbenchError as error:
            if error.code != "store.missing":
                raise
            return None
