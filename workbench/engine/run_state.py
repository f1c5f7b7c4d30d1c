"""The state that the nodes of one run share inside the executor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from nodes.model_cache import ModelCache
from nodes.sdk import NodeDeclaration
from schemas.segment import SegmentSpec
from schemas.status import NodeStatus
from workbench.engine.messages import Models, Run
from workbench.engine.supervisor_link import SupervisorLink
from workbench.store.local_cache import LocalCache


class Abandoned(Exception):
    """This executor has lost the segment: it was returned for another attempt, fenced or cancelled."""


@dataclass
class ExecutorParts:
    """The parts of an executor that all runs share."""

    link: SupervisorLink
    cache: LocalCache
    models: ModelCache
    workdir: Path
    settings: dict[str, str]
    services: Mapping[str, NodeDeclaration]
    reported_loads: int = 0

    def report_models(self) -> None:
        """Report the loaded models if they have changed."""
        if self.models.loads != self.reported_loads:
            self.reported_loads = self.models.loads
            self.link.send(Models(self.models.keys))


class RunState:
    """One run of a segment, from the states in its take to the last report."""

    def __init__(self, parts: ExecutorParts, message: Run) -> None:
        self.executor = parts
        self.link = parts.link
        self.spec = SegmentSpec.model_validate_json(bytes(message.spec))
        self.number = message.run
        self.worker = message.worker
        self.attempt = message.attempt  # attempt of the first node of this take; later nodes are on their first
        self.status: dict[str, NodeStatus] = message.status
        self.outputs: dict[str, dict[str, Any]] = message.outputs
        self.parts = {node: [orjson.loads(bytes(part)) for part in parts] for node, parts in message.parts.items()}
        self.workdir = parts.workdir / f"run-{self.number}"

    @property
    def cancelled(self) -> bool:
        return self.link.cancelled(self.number)
