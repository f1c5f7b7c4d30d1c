"""A bundle: one zip that holds runs with everything that made them. ``docs/bundles.md`` describes its layout."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field

from schemas.base import Contract
from schemas.consent import ConsentRecord
from schemas.delivery import SignatureState
from schemas.job import JobRecord
from schemas.refs import Sha256

FORMAT: Final = "talking-head-workbench.bundle"
VERSION: Final = 1
BundlePath = Annotated[str, Field(max_length=300, description="Path inside the zip, with forward slashes.")]

RunId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,63}$")]


class BundledFile(Contract):
    """A file of the zip."""

    path: BundlePath
    sha256: Sha256
    size_bytes: int = Field(ge=0)


class BundledArtifact(Contract):
    """An artifact of a run, whether its bytes are in the bundle or not."""

    sha256: Sha256
    kind: str
    media_type: str
    name: str | None = None
    size_bytes: int | None = Field(None, ge=0)
    path: BundlePath | None = Field(None, description="null if the bytes were left out.")


class BundleManifest(Contract):
    """``manifest.json`` of a bundle. ``signature.json`` beside it signs exactly its bytes."""

    format: Literal["talking-head-workbench.bundle"] = FORMAT
    version: Literal[1] = VERSION
    title: str = Field(max_length=300)
    workbench: str = Field(description="Version of the workbench that wrote it.")
    sweep: str | None = None
    jobs: list[RunId] = Field(min_length=1, description="Ids of the runs, as in `jobs/<id>/job.json`.")
    artifacts: list[BundledArtifact] = Field(default_factory=list)
    files: list[BundledFile] = Field(description="Every file except the manifest and its signature.")


class BundleSignature(Contract):
    """``signature.json`` of a bundle."""

    algorithm: str = Field(description="As C2PA names it: es256, ps256, ed25519, …")
    signature: str = Field(description="Base64.")
    certificates: str = Field(description="PEM: the certificate of the issuer, then its authorities.")


class BundledJob(Contract):
    """``job.json`` of a run: its record, and the consents to its files. Owner and MLflow run are left out."""

    record: JobRecord
    consents: list[ConsentRecord] = Field(default_factory=list)


class BundledRun(Contract):
    """One run, as ``workbench bundle show`` lists it."""

    job: str
    pipeline: str
    status: str
    seed: int
    created_at: float
    nodes: int


class BundleInfo(Contract):
    """What a verified bundle holds."""

    file: str
    sha256: str = Field(description="Of the manifest; it names the bundle.")
    title: str
    workbench: str
    issuer: str = Field(description="Organisation and name in the certificate. Anybody can write these.")
    signature: SignatureState
    sweep: str | None = None
    runs: list[BundledRun]
    artifacts: list[BundledArtifact]
    size_bytes: int
    needs_consent: bool = Field(description="Whether portraits, voices or videos are inside.")


class ImportedRun(Contract):
    """A run of an imported bundle."""

    job: str = Field(description="Its id here.")
    was: str = Field(description="Its id where it was made.")
    created: bool = Field(description="false if this bundle was imported before.")


class BundleImport(Contract):
    """The answer to an import."""

    bundle: BundleInfo
    runs: list[ImportedRun]


class ImportNote(Contract):
    """Where an imported job came from: ``imported`` in its graph's metadata."""

    bundle: Sha256
    job: str
    issuer: str
    signature: SignatureState
    workbench: str
    at: float
    sweep: str | None = None
    environment: dict[str, Any] = Field(default_factory=dict)
