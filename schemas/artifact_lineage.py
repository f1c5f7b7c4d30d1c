"""Where an artifact comes from and what was made from it: artifacts and the steps between them."""

from __future__ import annotations

from pydantic import Field

from schemas.base import Contract


class LineageArtifact(Contract):
    """An artifact of the drawing."""

    sha256: str
    kind: str
    media_type: str
    name: str | None = None
    size_bytes: int | None = None
    given: bool = Field(False, description="Whether a person gave it: no step that is shown made it.")


class LineageStep(Contract):
    """A node of a run that made artifacts from others."""

    job: str
    node: str
    service: str
    version: str | None = None
    pipeline: str = ""
    seed: int = 0
    weights: str | None = Field(None, description="Digest of the weights of its service.")
    models: dict[str, str] = Field(default_factory=dict, description="Digests of the models it named.")
    status: str
    cached: bool = False
    at: float = Field(description="When its run was accepted: UTC, seconds since 1970.")
    inputs: dict[str, str] = Field(description="Digest by the name of the input or parameter.")
    outputs: dict[str, str] = Field(description="Digest by the name of the output.")


class ArtifactLineage(Contract):
    """The lineage of one artifact, limited to runs that the user may see."""

    sha256: str
    artifacts: list[LineageArtifact] = Field(description="The artifact itself first.")
    steps: list[LineageStep]
    cut: bool = Field(False, description="Whether it goes on beyond what is shown.")
