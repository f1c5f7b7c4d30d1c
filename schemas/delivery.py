"""What the manifest of a delivered file states, and what a verification of a file finds."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from schemas.base import Contract


class UsedService(Contract):
    """A node that took part in making the file."""

    node: str = Field(description="Id of the node in its graph.")
    service: str
    version: str | None = None
    weights: str | None = Field(None, description="Digest of the weights of its model.")


class UsedFile(Contract):
    """A file that was given to one of those nodes. Its name is not stated, because it may name a person."""

    node: str
    name: str = Field(description="The input or parameter that took it.")
    kind: str
    media_type: str
    sha256: str


class Statement(Contract):
    """What the manifest of a delivered file says about its making, beside the actions that C2PA defines."""

    notice: str
    artifact: str = Field(description="SHA-256 of the stored artifact, which has no manifest.")
    job: str | None = Field(None, description="The job that made it; null if it was made outside a job.")
    graph: str | None = Field(None, description="SHA-256 of the job's graph, with all parameters and texts.")
    pipeline: str | None = None
    seed: int | None = None
    services: list[UsedService] = Field(default_factory=list)
    inputs: list[UsedFile] = Field(default_factory=list)


class SignatureState(StrEnum):
    """The result of a verification."""

    TRUSTED = "trusted"  # unchanged since an issuer signed it whom this home trusts
    OTHER_ISSUER = "other issuer"  # unchanged since an issuer signed it whom this home does not know
    ALTERED = "altered"  # changed since it was signed, or damaged
    INVALID = "invalid"  # unchanged, but the signature does not count, e.g. because the certificate has expired
    UNSIGNED = "unsigned"  # no manifest

    @property
    def holds(self) -> bool:
        """Whether the file is as its issuer signed it."""
        return self in (SignatureState.TRUSTED, SignatureState.OTHER_ISSUER)


class KnownFile(Contract):
    """A file whose bytes this deployment recognises."""

    artifact: str = Field(description="SHA-256 of the stored artifact.")
    job: str | None = Field(None, description="The job that made it; null if that job is not yours or not known.")
    delivered_at: float | None = Field(None, description="UTC, seconds since 1970; null for the stored bytes.")


class Verification(Contract):
    """The output of ``workbench verify --json``."""

    file: str
    sha256: str
    state: SignatureState
    issuer: str | None = Field(None, description="Organisation and name in the certificate. Anybody can write these.")
    generator: str | None = Field(None, description="The program that wrote the manifest, with its version.")
    source_type: str | None = Field(None, description="IPTC digital source type: how the media was made.")
    statement: Statement | None = Field(None, description="null for manifests of other programs.")
    problems: list[str] = Field(default_factory=list, description="Why the signature does not hold.")
    known: KnownFile | None = Field(None, description="Set if this deployment recognises the bytes.")
    looked_up: bool = Field(description="Whether the deployment could be asked. A stack must run for that.")
