"""What the nodes of one run share inside the executor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nodes.model_cache import ModelCache
from nodes.sdk import NodeDeclaration
from schemas.refs import Ref
from schemas.segment import SegmentSpec
from schemas.status import NodeStatus
from workbench.engine.messages import Models, Run
from workbench.engine.supervisor_link import SupervisorLink
from workbench.store.local_cache import LocalCache


class Abandoned(Exception):
    """The segment is no longer this executor's: handed back for another attempt, fenced or cancelled."""


@dataclass
class ExecutorParts:
    """What an executor works with, whatever run it is at."""

    link: SupervisorLink
    cache: LocalCache
    models: ModelCache
    workdir: Path
    settings: dict[str, str]
    services: Mapping[str, NodeDeclaration]
    loads_told: int = 0

    def report_models(self) -> None:
        """Say which models are loaded, where that has changed."""
        if self.models.loads != self.loads_told:
            self.loads_told = self.models.loads
            self.link.send(Models(self.models.keys))


class RunState:
    """One run of a segment, from the states its take carried to the last report."""

    def __init__(self, parts: ExecutorParts, message: Run) -> None:
        self.executor = parts
        self.link = parts.link
        self.spec = SegmentSpec.model_validate_json(bytes(message.spec))
        self.number = message.run
        self.worker = message.worker
        self.attempt = message.attempt  # of the node that this take begins with; those behind it are on their first
        self.status: dict[str, NodeStatus] = message.status
        self.outputs: dict[str, dict[str, Any]] = message.outputs
        self.parts: dict[str, list[Ref]] = message.parts
        self.workdir = parts.workdir / f"run-{self.number}"

    @property
    def cancelled(self) -> bool:
        return self.link.cancelled(self.number)
