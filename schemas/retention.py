"""What the deployment stores, what collections and erasures remove, and what remains where and why."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from schemas.base import Contract
from schemas.duration import DURATION_PATTERN

NAME = r"^[^\x00-\x1f\x7f]{1,200}$"


class StoreKind(StrEnum):
    """Kinds of data on the disks of a deployment, in the order of removal."""

    JOBS = "jobs"  # records of jobs in SQL
    UPLOADS = "uploads"  # claims of the users who uploaded files
    CONSENTS = "consents"  # records of who agreed to the use of a file
    RESULTS = "results"  # entries of the result cache, in SQL and on the bus
    IMAGES = "images"
    AUDIO = "audio"
    VIDEO = "video"
    FILES = "files"  # other artifacts: texts, JSON, checkpoints
    MLFLOW_RUNS = "mlflow_runs"  # deleted runs with their traces
    MLFLOW_FILES = "mlflow_files"  # copies of files in runs
    CACHE = "cache"  # local copies of artifacts
    THUMBNAILS = "thumbnails"  # and waveforms
    VIDEOS = "videos"  # copies in the home's folder videos/
    PREVIEWS = "previews"  # preview images of running nodes
    PARTIAL = "partial"  # incomplete uploads
    BUS = "bus"
    SQL = "sql"
    MLFLOW = "mlflow"  # MLflow's database
    LOGS = "logs"


class KindUse(Contract):
    """Amount of stored data of one kind."""

    kind: StoreKind
    count: int = Field(ge=0, description="Artifacts, files or records.")
    bytes: int = Field(ge=0)


class RetentionRule(Contract):
    """Which finished jobs and unused uploads a collection deletes before it removes unreferenced data."""

    older_than: str | None = Field(
        None, pattern=DURATION_PATTERN, description="Delete those that ended longer ago than this: 30d, 12h."
    )
    max_gib: float | None = Field(
        None, gt=0, le=1e6, description="Delete the oldest until the artifacts of the others take at most this much."
    )
    keep_tags: list[str] = Field(
        default_factory=list, max_length=100, description="Keep jobs with one of these tags, regardless of age."
    )


class CollectionRequest(RetentionRule):
    """A request for a collection; with ``dryRun``, for a report of what it would do."""

    dry_run: bool = False


class Removed(Contract):
    """Removed data of one kind; in a dry run, data that would be removed."""

    kind: StoreKind
    count: int = Field(0, ge=0)
    bytes: int = Field(0, ge=0)


class Verified(Contract):
    """Artifacts whose bytes a collection compared with their digests."""

    count: int = Field(0, ge=0)
    bytes: int = Field(0, ge=0)
    whole: bool = Field(False, description="Whether all artifacts are checked; if not, the next collection continues.")
    damaged: list[str] = Field(
        default_factory=list, description="One sentence per damaged artifact, with what was done or remains to be done."
    )


class CollectionReport(Contract):
    """What a collection did; in a dry run, what it would do."""

    dry_run: bool
    at: float = Field(description="Start time: UTC, seconds since 1970.")
    seconds: float
    rule: RetentionRule = Field(default_factory=RetentionRule)
    removed: list[Removed] = Field(description="Removed data by kind; kinds without any are omitted.")
    bytes: int = Field(description="Total of all kinds.")
    left: list[str] = Field(default_factory=list, description="What remains for now and why, in sentences.")
    verified: Verified = Field(default_factory=Verified)


class StorageAnswer(Contract):
    """What the deployment stores, by kind."""

    kinds: list[KindUse]
    bytes: int = Field(description="Total of all kinds.")
    collectable_bytes: int = Field(
        description="Bytes of artifacts that no job and no upload refers to; the next collection removes them."
    )
    home_free_bytes: int
    home_total_bytes: int
    measured_at: float = Field(description="UTC, seconds since 1970; measured again after some seconds.")
    retention: RetentionRule | None = Field(None, description="The rule that the control plane applies daily, if any.")
    last_collection: CollectionReport | None = None


class DeletionPreview(Contract):
    """What deleting a job would free."""

    job_id: str
    frees_bytes: int = Field(
        description="Bytes of artifacts that nothing else refers to; the next collection removes them."
    )
    frees_count: int
    shared_count: int = Field(description="Number of artifacts that stay because other jobs or uploads refer to them.")


class ErasureRequest(Contract):
    """Erase a target with everything derived from it: a file, a job, all data of an owner, or a person's files."""

    file: str | None = Field(None, pattern=r"^[0-9a-f]{6,64}$", description="Digest of a file, or a prefix of it.")
    job: str | None = Field(None, pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,63}$")
    owner: str | None = Field(None, pattern=NAME)
    consent: str | None = Field(
        None, pattern=NAME, description="Name of a person: all files that were recorded with this person's consent."
    )
    cancel: bool = Field(False, description="Cancel unfinished jobs; without this, they prevent the erasure.")
    dry_run: bool = Field(False, description="Only report what would be removed.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(value is not None for value in (self.file, self.job, self.owner, self.consent)) != 1:
            raise ValueError("give exactly one of file, job, owner and consent")
        return self


class Remainder(Contract):
    """Data of the erased target that still exists."""

    what: str
    why: str


class Compacted(Contract):
    """A storage file of a part that was rewritten without the removed data."""

    part: str
    bytes_before: int
    bytes_after: int
    seconds: float
    left: str = Field("", description="What could not be done, and the remedy.")


class ErasureReport(Contract):
    """What an erasure removed; in a dry run, what it would remove."""

    target: str = Field(description="The target of the erasure, as it was resolved.")
    dry_run: bool
    whole: bool = Field(description="False if others also refer to the file: only the user's jobs and claim are gone.")
    jobs: list[str] = Field(description="Removed jobs, starting with those that used the file itself.")
    files: int = Field(description="Number of artifacts that nothing refers to any more.")
    removed: list[Removed]
    bytes: int
    stays: list[Remainder] = Field(default_factory=list, description="What still exists, and why.")
    outside: list[Remainder] = Field(default_factory=list, description="What external engines and servers may keep.")
    compacted: list[Compacted] = Field(default_factory=list)
    seconds: float
