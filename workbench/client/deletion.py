"""Deleting, collecting and erasing, as a face asks for it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path

from schemas.errors import WorkbenchError
from schemas.job import JobRecord
from schemas.retention import CollectionReport, CollectionRequest, DeletionPreview, ErasureReport, ErasureRequest
from workbench.client.bench import Bench
from workbench.client.incoming import incoming_folder
from workbench.client.uploads import inspect_file
from workbench.retention import collecting, deleting, erasing
from workbench.retention.disk import DiskUse
from workbench.retention.parts import Parts


def parts_of(bench: Bench) -> Parts:
    """The parts of the bench that hold what people made."""
    return Parts(bench.settings, bench.store, bench.objects, bench.bus)


def disk_use(bench: Bench) -> DiskUse:
    """What the bench stores, by kind; it remembers what it measured."""
    return DiskUse(lambda: parts_of(bench))


def delete(bench: Bench, job: str) -> list[str]:
    """Remove a finished job: its record, and its run in MLflow. Returns what could not be done yet, in sentences.

    What nothing names any more goes with the next collection. Raises WorkbenchError: job.unknown, job.not_final,
    sql.unreachable.
    """
    ended(bench.job(job))
    return deleting.delete_job(parts_of(bench), job)


def ended(record: JobRecord) -> JobRecord:
    """The record. Raises WorkbenchError (job.not_final) where the job is not finished: it could not be deleted."""
    return deleting.ended(record)


def preview(bench: Bench, job: str) -> DeletionPreview:
    """What deleting a job would free. Raises WorkbenchError: sql.unreachable."""
    references = parts_of(bench).references
    named, freed = references.referenced_by([job]), references.freed_by({job})
    return DeletionPreview(
        job_id=job,
        frees_bytes=sum(item.size_bytes for item in freed),
        frees_count=len(freed),
        shared_count=len(named) - len(freed),
    )


def would_free(bench: Bench, jobs: Collection[str]) -> int:
    """Bytes of the artifacts that nothing would name without these jobs. Raises WorkbenchError: sql.unreachable."""
    return sum(item.size_bytes for item in parts_of(bench).references.freed_by(set(jobs)))


def collect(bench: Bench, asked: CollectionRequest) -> CollectionReport:
    """Delete what the rule says, then remove what nothing names. Raises WorkbenchError as ``collecting.collect``."""
    return collecting.collect(parts_of(bench), asked)


def digests_of(bench: Bench, path: Path) -> list[str]:
    """Under which digests a person's file may be stored: as it is, and as an upload keeps what was decoded of it.

    Raises WorkbenchError: home.*, upload.busy.
    """
    found = [_digest(path)]
    with incoming_folder(bench.settings.home) as work:
        try:
            found.append(_digest(inspect_file(bench, path, work)[1]))
        except WorkbenchError as error:
            if error.code not in ("upload.refused", "upload.unreadable", "upload.too_large"):
                raise
    return found


def erase(
    bench: Bench, asked: ErasureRequest, *, asker: str | None = None, also: Collection[str] = ()
) -> ErasureReport:
    """Erase a file, a job or all of an owner, with everything that came of it.

    Args:
        also: further digests of the same file (``digests_of``).
        asker: who may only erase what is that person's own; None for an administrator.

    Raises WorkbenchError as ``erasing.erase``.
    """
    return erasing.erase(parts_of(bench), asked, asker=asker, also=also)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
