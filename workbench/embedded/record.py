"""What the supervisor writes down for others (``stack.json``): its processes and how they fared."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationError

from schemas.base import Contract
from workbench.embedded.home import write_private
from workbench.embedded.process import ProcessId

RECORD_FILE = "stack.json"


class PartRecord(Contract):
    name: str
    url: str = ""
    external: bool = False
    process: ProcessId | None = None
    ready: bool = Field(False, description="It has answered since it was last started.")
    restarts: int = 0
    last_exit: str | None = None
    message: str = ""


class StackRecord(Contract):
    supervisor: ProcessId
    started: bool = Field(False, description="Every required part has been up.")
    stopping: bool = Field(False, description="It was asked to stop and is ending its parts.")
    parts: list[PartRecord]

    def part(self, name: str) -> PartRecord | None:
        return next((part for part in self.parts if part.name == name), None)


def read_record(home: Path) -> StackRecord | None:
    """The last record of this home, or None. Whether it is still true is for ProcessId.alive to say."""
    try:
        return StackRecord.model_validate_json((home / RECORD_FILE).read_bytes())
    except (OSError, ValidationError):
        return None


def write_record(home: Path, record: StackRecord) -> None:
    write_private(home / RECORD_FILE, record.to_json())


def remove_record(home: Path) -> None:
    (home / RECORD_FILE).unlink(missing_ok=True)
