"""The record of the supervisor for other processes (``stack.json``): its child processes and their state."""

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
    ready: bool = Field(False, description="Whether it has responded since its last start.")
    restarts: int = 0
    deaths_in_a_row: int = Field(0, description="Since it was last up for a minute.")
    last_exit: str | None = None
    message: str = ""


class StackRecord(Contract):
    supervisor: ProcessId
    started: bool = Field(False, description="Whether all required parts have been up.")
    stopping: bool = Field(False, description="Whether it is stopping its parts.")
    parts: list[PartRecord]

    def part(self, name: str) -> PartRecord | None:
        return next((part for part in self.parts if part.name == name), None)


def read_record(home: Path) -> StackRecord | None:
    """The last record of this home, or None. ProcessId.alive tells whether it is still current."""
    try:
        return StackRecord.model_validate_json((home / RECORD_FILE).read_bytes())
    except (OSError, ValidationError):
        return None


def write_record(home: Path, record: StackRecord) -> None:
    write_private(home / RECORD_FILE, record.to_json())


def remove_record(home: Path) -> None:
    (home / RECORD_FILE).unlink(missing_ok=True)
