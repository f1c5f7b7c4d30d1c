"""What the workbench recognises in a file that comes back to it."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from schemas.base import Contract
from schemas.delivery import UsedFile


class Way(StrEnum):
    """How a file was recognised, the surest first."""

    STORED = "stored"  # its bytes are those of an artifact
    DELIVERED = "delivered"  # its bytes are those of a file that left this deployment
    UPLOADED = "uploaded"  # decoded as an upload, it is an artifact
    SIGNED = "signed"  # its bytes changed hands unchanged: the signature of its manifest holds
    RECORD = "record"  # an embedded record names a run; the bytes are not known
    UNKNOWN = "unknown"


class Sureness(StrEnum):
    """What the answer rests on."""

    EXACT = "exact"  # a SHA-256 of the bytes
    VOUCHED = "vouched"  # a signature that holds
    CLAIMED = "claimed"  # text in the file, which anybody can write
    NONE = "none"


class RecognisedRun(Contract):
    """A run that made the file, or used it."""

    job: str
    node: str | None = Field(None, description="The node that made it, or that took it.")
    role: str = Field(description="output: the run made it; input: it was given the file.")
    pipeline: str
    seed: int
    status: str
    created_at: float


class Recognition(Contract):
    """The answer to ``workbench find`` and ``POST /api/recognise``."""

    file: str = ""
    sha256: str
    way: Way
    sure: Sureness
    sentence: str = Field(description="How it was recognised and how sure that is, for people.")
    artifact: str | None = Field(None, description="SHA-256 of the stored artifact.")
    graph: str | None = Field(None, description="Hash of the graph that made it.")
    runs: list[RecognisedRun] = Field(default_factory=list, description="Newest first.")
    inputs: list[UsedFile] = Field(default_factory=list, description="What was given to the run that made it.")
    delivered_at: float | None = None
