"""The state of the embedded stack: the output of ``workbench status`` and ``workbench doctor``."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from schemas.base import Contract

PART_NAMES = ("bus", "objects", "sql", "mlflow", "control", "worker", "app")


class PartState(StrEnum):
    """The current state of one part of the stack."""

    UP = "up"  # it responds
    STARTING = "starting"  # its process is alive and has not responded yet
    DOWN = "down"  # no stack is running here, or an external part does not respond
    FAILING = "failing"  # it ended three times in a row, or it is alive and stopped responding
    EXTERNAL = "external"  # configured by its URL, and it responds
    OFF = "off"  # the stack was started without it


class PartStatus(Contract):
    """One part of the stack."""

    name: str = Field(description="bus, objects, sql, mlflow, control, worker, worker-<engine> or app.")
    url: str | None = Field(None, description="Its URL without credentials; null for a part without a server.")
    state: PartState
    pid: int | None = Field(None, description="Process id; null if this stack runs no process for it.")
    restarts: int = Field(0, description="Number of restarts since the stack started.")
    last_exit: str | None = Field(None, description="How its process last ended, e.g. `signal 9 (SIGKILL)`.")
    message: str = Field("", description="Why it is not up, or a remark about it, in one sentence.")


class StackStatus(Contract):
    """The stack of one home."""

    home: str
    pid: int | None = Field(None, description="Process id of the supervisor; null if no stack is running.")
    parts: list[PartStatus]

    @property
    def running(self) -> bool:
        return self.pid is not None

    def part(self, name: str) -> PartStatus:
        return next(part for part in self.parts if part.name == name)


class Level(StrEnum):
    """Severity of a finding of the doctor."""

    OK = "ok"
    WARNING = "warning"  # works, with a limitation
    PROBLEM = "problem"  # something will not work


class Finding(Contract):
    """The result of one check of the doctor."""

    check: str
    level: Level
    message: str
    remedy: str = ""


class DamagedArtifact(Contract):
    """An artifact whose stored bytes do not match its digest."""

    sha256: str
    kind: str = Field(description="image, audio, video, json, text or file.")
    name: str = Field("", description="Its file name, if it has one.")
    size_bytes: int | None = None
    condition: str = Field(description="missing, damaged (other bytes) or unreadable (the store fails for it alone).")
    made_by: list[str] = Field(default_factory=list, description="Jobs that computed or reused it, newest first.")
    used_by: list[str] = Field(default_factory=list, description="Jobs that used it as an input, newest first.")
    uploaded_by: list[str] = Field(default_factory=list, description="Users who uploaded it.")
    restored_from: str = Field("", description="Source of the intact copy that was put back into the store, if any.")
    removed: bool = Field(False, description="Whether the damaged bytes were removed, so that it is recomputed.")
    heals: bool = Field(description="False if a person must upload the file again.")
    remedy: str = ""


class ObjectsReport(Contract):
    """The result of reading every artifact."""

    artifacts: int = Field(description="Number of artifacts read.")
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
