"""The engines of a machine: the output of ``workbench engines``."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from schemas.base import Contract


class EngineState(StrEnum):
    """Whether the environment of an engine is there."""

    INSTALLED = "installed"
    OUTDATED = "outdated"  # made from other pins than those of this version; it works as before
    MISSING = "missing"


class EngineStatus(Contract):
    """One engine on this machine."""

    name: str = Field(description="Also the name of its worker pool.")
    title: str
    state: EngineState
    folder: str = Field(description="Where its environment is, or would be.")
    disk_gib: float = Field(description="Size of the environment for a CPU, about.")
    services: list[str] = Field(default_factory=list, description="The services of its pool.")


class EngineCheck(Contract):
    """What the interpreter of an engine found in its environment."""

    name: str
    python: str
    packages: dict[str, str] = Field(default_factory=dict, description="Version by module that was imported.")
    broken: dict[str, str] = Field(default_factory=dict, description="Error by module that cannot be imported.")
    devices: list[str] = Field(default_factory=list, description="Devices that networks can run on.")
    services: dict[str, str] = Field(
        default_factory=dict, description="Why a service of the pool cannot run; empty if it can."
    )

    @property
    def complete(self) -> bool:
        return not self.broken and not any(self.services.values())
