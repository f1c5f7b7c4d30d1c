"""What the bench stores, what a collection or an erasure removes of it, and what stays where and why."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from schemas.base import Contract
from schemas.duration import DURATION_PATTERN

NAME = r"^[^\x00-\x1f\x7f]{1,200}$"


class StoreKind(StrEnum):
    """What lies on the disks of a bench, by what it is. Removed in this order."""

    JOBS = "jobs"  # records of jobs in SQL
    UPLOADS = "uploads"  # claims of the people who brought files in
    RESULTS = "results"  # entries of the result cache, in SQL and on the bus
    IMAGES = "images"
    AUDIO = "audio"
    VIDEO = "video"
    FILES = "files"  # other artifacts: texts, JSON, checkpoints
    MLFLOW_RUNS = "mlflow_runs"  # runs that were deleted, with their traces
    MLFLOW_FILES = "mlflow_files"  # copies in runs
    CACHE = "cache"  # local copies of artifacts
    THUMBNAILS = "thumbnails"  # and waveforms
    VIDEOS = "videos"  # copies in the home's folder videos/
    PREVIEWS = "previews"  # pictures of running nodes
    PARTIAL = "partial"  # uploads that nobody finished
    BUS = "bus"
    SQL = "sql"
    MLFLOW = "mlflow"  # MLflow's database
    LOGS = "logs"


class KindUse(Contract):
    """How much of one kind there is."""

    kind: StoreKind
    count: int = Field(ge=0, description="Artifacts, files or records.")
    bytes: int = Field(ge=0)


class RetentionRule(Contract):
    """Which finished jobs and unused uploads a collection deletes before it removes what nothing names."""

    older_than: str | None = Field(None, pattern=DURATION_PATTERN, description="Those that ended longer ago: 30d, 12h.")
    max_gib: float | None = Field(
        None, gt=0, le=1e6, description="The oldest, until the artifacts of the others take no more than this."
    )
    keep_tags: list[str] = Field(
        default_factory=list, max_length=100, description="Jobs with one of these tags stay, whatever their age."
    )


class CollectionRequest(RetentionRule):
    """A collection, or with ``dryRun`` what it would do."""

    dry_run: bool = False


class Removed(Contract):
    """What was removed of one kind; in a dry run, what would be."""

    kind: StoreKind
    count: int = Field(0, ge=0)
    bytes: int = Field(0, ge=0)


class Verified(Contract):
    """Artifacts whose bytes a collection compared with their digests."""

    count: int = Field(0, ge=0)
    bytes: int = Field(0, ge=0)
    whole: bool = Field(False, description="Whether the last artifact was reached; else the next collection goes on.")
    damaged: list[str] = Field(default_factory=list, description="Each in a sentence, with what was or is to be done.")


class CollectionReport(Contract):
    """What a collection did; in a dry run, what it would do."""

    dry_run: bool
    at: float = Field(description="When it began: UTC, seconds since 1970.")
    seconds: float
    rule: RetentionRule = Field(default_factory=RetentionRule)
    removed: list[Removed] = Field(description="Kinds of which nothing was removed are left out.")
    bytes: int = Field(description="All of them together.")
    left: list[str] = Field(default_factory=list, description="What stays for now, and why, in sentences.")
    verified: Verified = Field(default_factory=Verified)


class StorageAnswer(Contract):
    """What the bench stores, by kind."""

    kinds: list[KindUse]
    bytes: int = Field(description="All of them together.")
    collectable_bytes: int = Field(description="Of artifacts that no job and no upload names: the next collection.")
    home_free_bytes: int
    home_total_bytes: int
    measured_at: float = Field(description="UTC, seconds since 1970; measured anew after some seconds.")
    retention: RetentionRule | None = Field(None, description="What the control plane applies once a day, if anything.")
    last_collection: CollectionReport | None = None


class DeletionPreview(Contract):
    """What deleting a job would free."""

    job_id: str
    frees_bytes: int = Field(description="Of artifacts that nothing else names; the next collection removes them.")
    frees_count: int
    shared_count: int = Field(description="Artifacts that other jobs or uploads name: they stay.")


class ErasureRequest(Contract):
    """Erase a file, a job or all of an owner, and everything that came of it. Exactly one of the three is given."""

    file: str | None = Field(None, pattern=r"^[0-9a-f]{6,64}$", description="Digest of a file, or its beginning.")
    job: str | None = Field(None, pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,63}$")
    owner: str | None = Field(None, pattern=NAME)
    cancel: bool = Field(False, description="Cancel jobs that are not finished; without it they refuse the erasure.")
    dry_run: bool = Field(False, description="Only say what would be removed.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(value is not None for value in (self.file, self.job, self.owner)) != 1:
            raise ValueError("give exactly one of file, job and owner")
        return self


class Stays(Contract):
    """Something of what was to be erased that is still there."""

    what: str
    why: str


class Compacted(Contract):
    """A file of a part that was written anew without what was removed."""

    part: str
    bytes_before: int
    bytes_after: int
    seconds: float
    left: str = Field("", description="What could not be done, and what to do about it.")


class ErasureReport(Contract):
    """What an erasure removed; in a dry run, what it would remove."""

    target: str = Field(description="What was to be erased, as it was found.")
    dry_run: bool
    whole: bool = Field(description="False where others name the file: only the asker's jobs and claim are gone.")
    jobs: list[str] = Field(description="Jobs that were removed, those first that used the file itself.")
    files: int = Field(description="Artifacts that nothing names any more.")
    removed: list[Removed]
    bytes: int
    stays: list[Stays] = Field(default_factory=list, description="What is still there, and why.")
    outside: list[Stays] = Field(default_factory=list, description="What engines and servers outside may still keep.")
    compacted: list[Compacted] = Field(default_factory=list)
    seconds: float
