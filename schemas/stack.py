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


class DoctorReport(Contract):
    home: str
    findings: list[Finding]

    @property
    def healthy(self) -> bool:
        return all(finding.level is not Level.PROBLEM for finding in self.findings)
