"""What the embedded stack says about itself: the answers of ``workbench status`` and ``workbench doctor``."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from schemas.base import Contract

PART_NAMES = ("bus", "objects", "sql", "mlflow", "control", "worker", "app")


class PartState(StrEnum):
    """What is true of one part of the stack now."""

    UP = "up"  # it answered just now
    STARTING = "starting"  # its process lives and has not answered yet
    DOWN = "down"  # no stack runs here, or what should be there from outside does not answer
    FAILING = "failing"  # it keeps dying, or stopped answering
    EXTERNAL = "external"  # given from outside by its URL, and it answered just now
    OFF = "off"  # this stack was started without it


class PartStatus(Contract):
    """One part of the stack."""

    name: str = Field(description="bus, objects, sql, mlflow, control, worker or app.")
    url: str | None = Field(None, description="Where it is, without any password; null for a part without a server.")
    state: PartState
    pid: int | None = Field(None, description="Process id; null where this stack runs no process for it.")
    restarts: int = Field(0, description="How often it was started again since the stack came up.")
    last_exit: str | None = Field(None, description="How it last ended, e.g. `signal 9 (SIGKILL)`.")
    message: str = Field("", description="Why it is not up, or what to know about it, in a sentence.")


class StackStatus(Contract):
    """The stack of one home."""

    home: str
    pid: int | None = Field(None, description="Process id of the supervisor; null when no stack runs.")
    parts: list[PartStatus]

    @property
    def running(self) -> bool:
        return self.pid is not None

    def part(self, name: str) -> PartStatus:
        return next(part for part in self.parts if part.name == name)


class Level(StrEnum):
    """How much a finding of the doctor matters."""

    OK = "ok"
    WARNING = "warning"  # works, but is worth knowing
    PROBLEM = "problem"  # something will not work


class Finding(Contract):
    """One thing the doctor looked at."""

    check: str
    level: Level
    message: str
    remedy: str = ""


class DamagedArtifact(Contract):
    """An artifact whose stored bytes are not what its digest names."""

    sha256: str
    kind: str = Field(description="image, audio, video, json, text or file.")
    name: str = Field("", description="What a person called it.")
    size_bytes: int | None = None
    condition: str = Field(description="missing, damaged (other bytes) or unreadable (the store fails at it alone).")
    made_by: list[str] = Field(default_factory=list, description="Jobs that made or found it, the newest first.")
    used_by: list[str] = Field(default_factory=list, description="Jobs that were given it, the newest first.")
    uploaded_by: list[str] = Field(default_factory=list, description="Who brought it in.")
    restored_from: str = Field("", description="Where a good copy was found, which lies in the store now.")
    removed: bool = Field(False, description="Whether the damaged bytes were taken out, so that it is computed anew.")
    heals: bool = Field(description="False where a person must bring the file in again.")
    remedy: str = ""


class ObjectsReport(Contract):
    """What reading every artifact found."""

    artifacts: int = Field(description="How many were looked at.")
    size_bytes: int
    seconds: float
    mib_per_s: float
    damaged: list[DamagedArtifact]


class DoctorReport(Contract):
    home: str
    findings: list[Finding]
    objects: ObjectsReport | None = Field(None, description="With --objects.")

    @property
    def healthy(self) -> bool:
        return all(finding.level is not Level.PROBLEM for finding in self.findings)
